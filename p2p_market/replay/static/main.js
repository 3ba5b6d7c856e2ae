// The page: one moment of a run, where it came from, and where it goes to.

import { priceColour } from "./colour.js";
import { DAY, Clock, dollars, energy, is, number, percent, price } from "./format.js";
import { drawDay } from "./household.js";
import { MOST_LARGE } from "./layout.js";
import { drawBook, drawCrossing, readMarket } from "./market.js";
import { Store } from "./store.js";
import { Street } from "./street.js";
import { drawStrip } from "./strip.js";
import { byId, html, svg, tiles } from "./svg.js";

const POLL = 400; // milliseconds between looks at an environment that runs
const REST = 150; // milliseconds
const store = new Store();
const state = { t: 0, household: null, playing: false, due: 0, question: 0, resting: 0 };
let overview = null;
let times = null;
const street = new Street(byId("street"), (i, fromKeys) => choose(i === state.household && !fromKeys ? null : i));

async function open(market) {
  overview = await store.open(market);
  times = new Clock(overview.clock);
  byId("main").hidden = byId("controls").hidden = false;
  document.title = `${overview.name} \u00b7 p2p_market`;
  byId("name").textContent = overview.name;
  const { households } = overview;
  const many = (count, noun) => `${number(count, 0)} ${noun}${count === 1 ? "" : "s"}`;
  const roofs = households.filter(({ role }) => role === "prosumer").length;
  byId("about").textContent = [overview.mechanism, many(households.length, "household"), roofs ? `${roofs} with PV` : "",
    many(overview.num_intervals, "interval") + (overview.is_live ? " played so far" : "")].filter(Boolean).join(" \u00b7 ");
  tiles(byId("figures"), headline(overview.kpis));
  const isTown = households.length > MOST_LARGE;
  byId("legend").textContent = legend(isTown);
  byId("flow-note").textContent = flowNote(isTown);
  byId("price-low").textContent = number(overview.price_low, 2);
  byId("price-high").textContent = `${number(overview.price_high, 2)} $/kWh`;
  listHouseholds(households.map(({ name }) => name));
  byId("market-choice").hidden = overview.markets.length < 2;
  byId("market").replaceChildren(...overview.markets.map((one) => html("option", { value: one }, one)));
  byId("market").value = market;
  byId("follow-choice").hidden = !overview.is_live;
  byId("time").max = Math.max(0, overview.num_intervals - 1);
  if (overview.lacks.length) say(`This run did not record ${overview.lacks.join(", ")}; what needs them is left out.`, true);
}

// The list is left alone where it stays the same: while an environment runs, somebody may be choosing from it.
function listHouseholds(names) {
  const list = byId("household");
  const there = [...list.options].slice(1).map(({ text }) => text);
  if (list.options.length && there.length === names.length && there.every((name, i) => name === names[i])) return;
  list.replaceChildren(html("option", { value: "" }, "choose a household"),
    ...names.map((name, i) => html("option", { value: i }, name)));
}

function headline(kpis) {
  const { community_saving_dollars: saving, grid_only_cost_dollars: alone } = kpis;
  const share = alone > 0 && is(saving) ? ` (${percent(saving / alone)})` : "";
  return [
    [is(saving) && dollars(saving) + share, "saved by the street"],
    [is(kpis.traded_kwh) && energy(kpis.traded_kwh), "traded"],
    [is(kpis.mean_price_dollars_per_kwh) && price(kpis.mean_price_dollars_per_kwh), "mean price"],
    [is(kpis.self_sufficiency) && percent(kpis.self_sufficiency), "self-sufficient"],
  ].filter(([value]) => value);
}

function legend(isTown) {
  const houses = isTown ? "Orange houses sell, blue ones buy." : "Numbers: kWh bought (+) and sold (\u2212).";
  return `${houses} Arrows run from seller to buyer, wider for more kWh, in the colour of the price:`;
}

function flowNote(isTown) {
  const columns = isTown ? "Each arrow is that of a column of houses. " : "";
  if (!overview.has_pairs) {
    return `${columns}Who trades with whom is not recorded (run.trades: true does that); energy goes through the market.`;
  }
  return columns ? `${columns}Choose a house to see with whom it trades.`
    : "Pairs as recorded. Most mechanisms only decide who trades, and their pairs are shared out pro rata.";
}

function say(text, isHint = false) {
  const message = byId("message");
  message.textContent = text;
  message.classList.toggle("hint", isHint);
  message.hidden = !text;
}

// Draws an interval; of several questions on their way only the last is drawn.
async function show() {
  state.question += 1;
  const { question, t, household } = state;
  const slider = byId("time");
  slider.value = t;
  slider.setAttribute("aria-valuetext", times.nameOf(t));
  byId("moment").textContent = times.nameOf(t);
  const moment = await store.interval(t);
  if (question !== state.question) return;
  if (byId("message").className !== "hint" || overview.is_live) say("");
  street.build(overview);
  street.draw(moment, times.startOf(t), household);
  const market = readMarket(moment, overview, household);
  drawCrossing(byId("crossing"), market);
  byId("crossing-text").textContent = market.text;
  drawBook(byId("book"), market);
  const saved = is(moment.at("grid_only_bill_dollars")) && is(moment.at("bill_dollars"))
    ? moment.at("grid_only_bill_dollars") - moment.at("bill_dollars") : null;
  tiles(byId("tiles"), [
    [energy(moment.at("traded_kwh")), "traded"],
    [is(moment.at("price_dollars_per_kwh")) ? price(moment.at("price_dollars_per_kwh")) : "no trade", "price"],
    [energy(moment.at("pv_kwh")), "PV"],
    [energy(moment.at("grid_import_kwh")), "from the grid"],
    [energy(moment.at("grid_export_kwh")), "to the grid"],
    [dollars(saved), "saved"],
  ]);
  await showHousehold(question);
  document.body.dataset.interval = t; // what is drawn now, for who looks on
  remember();
  const ahead = t - (t % overview.block) + overview.block;
  if (state.playing && ahead - t <= Math.max(4, overview.block / 2)) store.prefetch(ahead);
}

async function showHousehold(question) {
  const index = state.household;
  byId("household").value = index ?? "";
  if (index === null) {
    byId("day").replaceChildren(html("p", { class: "muted hint" }, "Choose a house on the street, or here, to see its day."));
    byId("household-figures").replaceChildren();
    return;
  }
  const day = await store.day(index, Math.floor(times.startOf(state.t) / DAY));
  if (question !== state.question) return;
  drawDay(byId("day"), byId("household-figures"), { day, household: overview.households[index], now: state.t, overview,
    index, onPick: move });
}

const guard = (work) => work().catch((error) => {
  stop();
  say(error.message);
});

function go(t) {
  const last = overview.num_intervals - 1;
  document.body.classList.toggle("waits", last < 0);
  if (last < 0) {
    say("Nothing has been played yet.", true);
    return Promise.resolve();
  }
  state.t = Math.min(Math.max(Math.round(t), 0), last);
  return guard(show);
}

// Who moves in time looks at that time; an environment that runs is followed again from its last interval on.
function move(t) {
  byId("follow").checked = t >= overview.num_intervals - 1;
  return go(t);
}

function choose(index) {
  state.household = index;
  guard(show);
}

function play() {
  if (state.t >= overview.num_intervals - 1 && !overview.is_live) state.t = 0;
  state.playing = true;
  button();
  tick();
}

function stop() {
  state.playing = false;
  clearTimeout(state.due);
  button();
}

// The next interval is due when the last one is drawn and its time is up; so a slow machine plays slowly and skips none.
async function tick() {
  const began = performance.now();
  await go(state.t + 1);
  if (!state.playing) return;
  if (state.t >= overview.num_intervals - 1 && !overview.is_live) {
    stop();
    return;
  }
  const pause = 1000 / Number(byId("speed").value) - (performance.now() - began);
  state.due = setTimeout(tick, Math.max(0, pause));
}

function button() {
  const words = state.playing ? "Stop" : "Play";
  byId("play").setAttribute("aria-label", words);
  byId("play").classList.toggle("playing", state.playing);
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("select")) return;
  const aDay = Math.round(DAY / (times.step || DAY)) || 1;
  const moves = {
    ArrowLeft: () => move(state.t - (event.shiftKey ? aDay : 1)),
    ArrowRight: () => move(state.t + (event.shiftKey ? aDay : 1)),
    PageUp: () => move(state.t - aDay),
    PageDown: () => move(state.t + aDay),
    Home: () => move(0),
    End: () => move(overview.num_intervals - 1),
    Escape: () => choose(null),
    " ": () => (state.playing ? stop() : play()),
  };
  if (event.key === " " && event.target.closest?.("button, input[type=checkbox]")) return;
  if (!(event.key in moves)) return;
  event.preventDefault();
  moves[event.key]();
}

// The moment is kept in the address once it rests, so that it can be passed on and survives a reload.
function remember() {
  clearTimeout(state.resting);
  state.resting = setTimeout(writeAddress, REST);
}

function writeAddress() {
  const place = new URLSearchParams({ t: state.t });
  if (overview.market) place.set("market", overview.market);
  if (state.household !== null) place.set("household", state.household);
  history.replaceState(null, "", `#${place}`);
}

function recall() {
  const place = new URLSearchParams(location.hash.slice(1));
  const whole = (name) => (/^\d{1,9}$/.test(place.get(name) ?? "") ? Number(place.get(name)) : null);
  return { t: whole("t"), market: whole("market") ?? 0, household: whole("household") };
}

// A moment worth looking at first: where most is traded.
function busiest() {
  const traded = overview.strip.traded_kwh ?? [];
  const best = traded.reduce((most, value, i) => ((value ?? 0) > (traded[most] ?? 0) ? i : most), 0);
  return overview.strip.first[best] ?? 0;
}

async function watch() {
  const { episode, num_intervals: number } = overview;
  await open(overview.market);
  if (overview.episode !== episode || overview.num_intervals !== number) {
    drawStrip(byId("strip"), overview, times);
    if (overview.episode !== episode || byId("follow").checked) await go(overview.num_intervals - 1);
  }
  setTimeout(() => guard(watch), POLL);
}

function redraw() {
  drawStrip(byId("strip"), overview, times);
  guard(show);
}

async function start() {
  const place = recall();
  await open(place.market);
  if (place.household !== null && place.household < overview.households.length) state.household = place.household;
  drawStrip(byId("strip"), overview, times);
  byId("price-bar").replaceChildren(svg("svg", { viewBox: "0 0 12 1", preserveAspectRatio: "none" },
    ...Array.from({ length: 12 }, (_, i) => svg("rect", { x: i, width: 1.05, height: 1, fill: priceColour(i / 11) }))));
  byId("time").addEventListener("input", () => move(Number(byId("time").value)));
  byId("play").addEventListener("click", () => (state.playing ? stop() : play()));
  byId("back").addEventListener("click", () => move(state.t - 1));
  byId("forward").addEventListener("click", () => move(state.t + 1));
  byId("household").addEventListener("change", ({ target }) => choose(target.value === "" ? null : Number(target.value)));
  byId("market").addEventListener("change", ({ target }) => guard(async () => {
    await open(Number(target.value));
    redraw();
  }));
  document.addEventListener("keydown", onKey);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) redraw();
    width = innerWidth;
  });
  await go(place.t ?? (overview.is_live ? overview.num_intervals - 1 : busiest()));
  if (overview.is_live) setTimeout(() => guard(watch), POLL);
}

guard(start);
