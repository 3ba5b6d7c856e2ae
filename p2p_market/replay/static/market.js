// The orders of one interval: as curves that cross, and as a book.

import { Chart } from "./chart.js";
import { energy, is, niceCeiling, number, price } from "./format.js";
import { html } from "./svg.js";

const LONGER_SIDE = 2.5; // where one side is many times the other, the crossing would shrink to a corner
const RUNGS = 7;
const LEAST = 1e-9;

// Price levels of one side, best first: { price, kwh, filled, mine }.
export function levels(moment, sign, selected) {
  const prices = moment.households("limit_price_dollars_per_kwh") ?? [];
  const orders = moment.households("order_kwh") ?? [];
  const filled = moment.households("filled_kwh") ?? [];
  const found = new Map();
  orders.forEach((order, i) => {
    if (!is(order) || !is(prices[i]) || sign * order <= LEAST) return;
    const level = found.get(prices[i]) ?? { price: prices[i], kwh: 0, filled: 0, mine: 0 };
    level.kwh += sign * order;
    level.filled += Math.max(0, sign * (filled[i] ?? 0));
    if (i === selected) level.mine += sign * order;
    found.set(prices[i], level);
  });
  return [...found.values()].sort((a, b) => sign * (b.price - a.price));
}

const sum = (side, name) => side.reduce((total, level) => total + level[name], 0);

function whyNoTrade(bids, asks) {
  if (!bids.length && !asks.length) return "Nobody placed an order.";
  if (!asks.length) return "No asks: nobody offers energy.";
  if (!bids.length) return "No bids: nobody wants energy.";
  if (bids[0].price < asks[0].price) return "No trade: the best bid is below the best ask.";
  return "No trade, although bids and asks cross: fees or the mechanism's rule keep them apart.";
}

export function readMarket(moment, overview, selected) {
  const [bids, asks] = [levels(moment, 1, selected), levels(moment, -1, selected)];
  const traded = moment.at("traded_kwh") ?? sum(bids, "filled");
  const lacking = ["limit_price_dollars_per_kwh", "order_kwh"].filter((name) => !moment.has(name));
  const market = { selected, bids, asks, traded, price: moment.at("price_dollars_per_kwh"), overview };
  if (lacking.length) market.silence = `This run did not record ${lacking.join(" and ")}.`;
  else if (overview.is_pool) market.silence = "No prices are bid in this market.";
  const [needed, spare] = [energy(sum(bids, "kwh")), energy(sum(asks, "kwh"))];
  market.text = market.silence ?? (traded > LEAST
    ? `${energy(traded)} traded at ${is(market.price) ? price(market.price) : "a price that was not recorded"}; `
      + `${needed} wanted, ${spare} offered.` : whyNoTrade(bids, asks));
  return market;
}

export function drawCrossing(holder, market) {
  const chart = new Chart(holder, { height: 270, label: `Supply and demand: ${market.text}` });
  const { bids, asks, overview, traded, selected } = market;
  const prices = [...bids, ...asks].map((level) => level.price);
  const every = [overview.price_low, overview.price_high, ...prices];
  const [low, high] = [Math.min(...every), Math.max(...every)];
  const margin = high > low ? 0.07 * (high - low) : 0.05;
  const [shorter, longer] = [sum(bids, "kwh"), sum(asks, "kwh")].sort((a, b) => a - b);
  const shown = niceCeiling(1.02 * (shorter > 0 ? Math.min(longer, LONGER_SIDE * shorter) : longer));
  chart.scales([0, shown], [low - margin, high + margin]);
  chart.axisY("$/kWh", 5);
  chart.axisX("energy, best offers first [kWh]");
  if (market.silence) {
    chart.note(market.silence);
  } else {
    if (traded > LEAST) drawGains(chart, market);
    for (const [side, end, kind] of [[bids, low - margin, "demand"], [asks, high + margin, "supply"]]) {
      drawSide(chart, side, end, kind, shown);
    }
    if (traded > LEAST && is(market.price)) {
      chart.add("line", { class: "cross", x1: chart.area.left, x2: chart.x(traded), y1: chart.y(market.price),
        y2: chart.y(market.price) });
      chart.add("circle", { class: "cross", cx: chart.x(traded), cy: chart.y(market.price), r: 5 });
    } else if (!bids.length && !asks.length) {
      chart.note(market.text);
    }
    drawKey(chart, selected !== null);
  }
  chart.show();
}

function outline(side, end, shown) {
  let at = 0;
  const corners = [];
  for (const level of side) {
    corners.push([at, level.price], [Math.min(at + level.kwh, shown), level.price]);
    at += level.kwh;
    if (at >= shown) return corners;
  }
  return corners.length ? [...corners, [at, end]] : corners;
}

function drawSide(chart, side, end, kind, shown) {
  const corners = outline(side, end, shown);
  if (!corners.length) return;
  chart.add("polyline", { class: `curve ${kind}`, points: corners.map(([x, y]) => `${chart.x(x)},${chart.y(y)}`).join(" ") });
  let at = 0;
  for (const level of side) {
    if (level.mine > 0 && at < shown) {
      const [x1, x2] = [chart.x(at), Math.max(chart.x(Math.min(at + level.kwh, shown)), chart.x(at) + 3)];
      chart.add("line", { class: "mine", x1, x2, y1: chart.y(level.price), y2: chart.y(level.price) });
    }
    at += level.kwh;
  }
}

function drawGains(chart, { bids, asks, traded }) {
  const upTo = (side) => outline(side, side.at(-1)?.price ?? 0, traded).map(([x, y]) => [Math.min(x, traded), y]);
  const corners = [...upTo(bids), ...upTo(asks).reverse()];
  chart.add("polygon", { class: "gains", points: corners.map(([x, y]) => `${chart.x(x)},${chart.y(y)}`).join(" ") });
}

function drawKey(chart, isChosen) {
  const { right, top } = chart.area;
  const entries = [["curve demand", "demand"], ["curve supply", "supply"], ...(isChosen ? [["mine", "chosen"]] : [])];
  let x = right;
  for (const [kind, words] of entries.reverse()) {
    x -= 40 + 7.2 * words.length;
    chart.add("line", { class: kind, x1: x, x2: x + 20, y1: top - 10, y2: top - 10 });
    chart.text(x + 25, top - 6, words, "tick", "start");
  }
}

// Neighbouring levels of one side added up, so that a short list holds them.
export function rungs(side, most = RUNGS) {
  if (side.length <= most) return side.map((level) => ({ ...level, from: level.price, to: level.price }));
  for (let power = -4; power < 6; power += 1) {
    for (const factor of [1, 2, 5]) {
      const step = factor * 10 ** power;
      const found = new Map();
      for (const level of side) {
        const slot = Math.floor(level.price / step + 1e-6);
        const rung = found.get(slot) ?? { from: slot * step, to: (slot + 1) * step, kwh: 0, filled: 0, mine: 0 };
        for (const name of ["kwh", "filled", "mine"]) rung[name] += level[name];
        found.set(slot, rung);
      }
      if (found.size <= most) return [...found.values()];
    }
  }
  return [];
}

export function drawBook(holder, market) {
  if (market.silence) {
    holder.replaceChildren(html("p", { class: "muted" }, market.silence));
    return;
  }
  const [bids, asks] = [rungs(market.bids), rungs(market.asks).reverse()];
  const longest = Math.max(...[...bids, ...asks].map((rung) => rung.kwh), LEAST);
  const row = (kind) => (rung) => bookRow(rung, kind, longest);
  const empty = (words) => html("tr", {}, html("td", { colspan: 4, class: "muted" }, words));
  const result = market.traded > LEAST ? `${energy(market.traded)} traded at ${price(market.price)}` : "no trade";
  holder.replaceChildren(html("table", {},
    html("caption", { class: "hidden" }, market.text),
    html("thead", {}, html("tr", {}, ...["$/kWh", "kWh", "matched", ""].map((name) => html("th", { scope: "col" }, name)))),
    html("tbody", { class: "asks" }, ...(asks.length ? asks.map(row("ask")) : [empty("no asks")])),
    html("tbody", {}, html("tr", { class: "result" }, html("th", { colspan: 4, scope: "row" }, result))),
    html("tbody", { class: "bids" }, ...(bids.length ? bids.map(row("bid")) : [empty("no bids")]))));
}

function bookRow(rung, kind, longest) {
  const span = rung.from === rung.to ? number(rung.from, 4) : `${number(rung.from, 3)}\u2013${number(rung.to, 3)}`;
  const bar = html("span", { class: "bar" });
  const done = html("span", { class: "done" });
  bar.style.width = `${(100 * rung.kwh) / longest}%`;
  done.style.width = `${(100 * rung.filled) / rung.kwh}%`;
  bar.append(done);
  return html("tr", { class: rung.mine > 0 ? `${kind} mine` : kind },
    html("td", {}, span), html("td", {}, number(rung.kwh, 3)), html("td", {}, number(rung.filled, 3)),
    html("td", { class: "bars" }, bar));
}
