// The street at one moment.

import { isNight, skyAt } from "./colour.js";
import { drawFlows, hubOf, usesHub } from "./flows.js";
import { energy, hourOf, is, number, price, shortNames } from "./format.js";
import { makeHouse, updateHouse } from "./house.js";
import { layoutOf } from "./layout.js";
import { round, svg } from "./svg.js";

const STARS = 36;

export class Street {
  constructor(holder, onSelect) {
    this.holder = holder;
    this.onSelect = onSelect;
    holder.addEventListener("keydown", (event) => this.move(event));
  }

  // Builds the houses for a width; does nothing where all is as it was.
  build(overview) {
    const width = Math.max(280, Math.round(this.holder.clientWidth));
    if (this.overview === overview && this.width === width) return;
    const stays = this.overview && this.width === width && sameHouses(this.overview.households, overview.households);
    this.overview = overview;
    if (stays) return;
    this.width = width;
    const { households } = overview;
    const layout = layoutOf(households.length, width);
    const names = shortNames(households.map(({ name }) => name));
    this.layout = layout;
    this.houses = layout.houses.map((house, i) => makeHouse(house, {
      label: names[i], hasPv: households[i].role === "prosumer", hasBattery: households[i].has_battery,
    }, layout.isTown));
    this.houses.forEach(({ group }, i) => group.addEventListener("click", () => this.onSelect(i)));
    this.flows = svg("g", {});
    this.picture = svg("svg", { viewBox: `0 0 ${width} ${round(layout.height)}`, width, height: round(layout.height),
      role: "listbox", "aria-label": "Households on the street", class: layout.isTown ? "town" : "" },
    ...this.scenery(), ...this.road(), this.flows, this.hub = svg("g", { class: "hub" }),
    ...this.houses.map(({ group }) => group));
    this.holder.replaceChildren(this.picture);
  }

  scenery() {
    const { width, height, horizon } = this.layout;
    this.stops = [svg("stop", { offset: 0 }), svg("stop", { offset: 1 })];
    this.ground = svg("path", { d: hills(width, height, horizon) });
    this.light = svg("circle", { r: 15, class: "light" });
    this.stars = svg("g", { class: "stars" }, ...Array.from({ length: STARS }, (_, k) => svg("circle", {
      cx: round((k * 0.618034 % 1) * width), cy: round(6 + (k * 0.381966 * 2.7 % 1) * (horizon - 20)), r: k % 3 ? 0.8 : 1.3 })));
    return [
      svg("defs", {}, svg("linearGradient", { id: "sky", x1: 0, y1: 0, x2: 0, y2: 1 }, ...this.stops)),
      svg("rect", { width, height: round(horizon + 20), fill: "url(#sky)" }),
      this.stars, this.light, this.ground,
    ];
  }

  road() {
    const { lane, length, isVertical } = this.layout;
    const [u, v, long, deep] = [8, lane.from, length - 16, lane.to - lane.from];
    const edges = isVertical ? { x: v, y: this.layout.horizon + 6, width: deep, height: length - this.layout.horizon - 14 }
      : { x: u, y: v, width: long, height: deep };
    const middle = (lane.from + lane.to) / 2;
    const line = isVertical ? { x1: middle, x2: middle, y1: edges.y + 14, y2: length - 20 }
      : { x1: 24, x2: length - 24, y1: middle, y2: middle };
    return [svg("rect", { class: "lane", rx: 14, ...edges }), svg("line", { class: "marks", ...line })];
  }

  draw(moment, time, selected) {
    const { overview, layout } = this;
    const column = (name) => moment.households(name);
    const [pv, demand, filled, charge, unitPrice] = ["pv_kwh", "demand_kwh", "filled_kwh", "state_of_charge",
      "unit_price_dollars_per_kwh"].map(column);
    const { largest } = overview;
    const most = { pv: largest.pv_kwh || 1, demand: largest.demand_kwh || 1, filled: largest.filled_kwh || 1 };
    this.drawSky(hourOf(time));
    this.houses.forEach((house, i) => {
      const now = { pv: pv?.[i], demand: demand?.[i], filled: filled?.[i], charge: charge?.[i], most };
      now.label = describe(overview.households[i], now, unitPrice?.[i]);
      updateHouse(house, now);
    });
    const low = overview.price_low;
    const width = overview.price_high - low || 1;
    const view = { layout, filled, unitPrice, pairs: moment.pairs, largest: this.widest(), selected,
      isMarked: (i) => i === selected, hasMark: selected !== null, priceShare: (value) => (value - low) / width };
    drawFlows(this.flows, view);
    this.drawHub(moment, usesHub(view));
    this.mark(selected);
  }

  // Energy of the widest arrow: the same in every interval, so that widths can be compared.
  widest() {
    const { largest } = this.overview;
    const hub = this.layout.isTown ? (largest.traded_kwh ?? 0) / 12 : largest.filled_kwh;
    return { hub: hub || 1, pair: largest.pair_kwh || 1 };
  }

  drawSky(hour) {
    const [top, foot, ground] = skyAt(hour);
    this.stops[0].style.stopColor = top;
    this.stops[1].style.stopColor = foot;
    this.ground.style.fill = ground;
    const night = isNight(hour);
    this.picture.classList.toggle("night", night);
    const share = night ? ((hour + 24 - 19.2) % 24) / 10.4 : (hour - 5.6) / 13.6;
    this.light.setAttribute("cx", round(this.width * (0.04 + 0.92 * share)));
    this.light.setAttribute("cy", round(24 + (this.layout.horizon - 30) * (1 - Math.sin(Math.PI * share)) * 0.8));
  }

  drawHub(moment, isShown) {
    const traded = moment.at("traded_kwh");
    if (!isShown && traded > 0) {
      this.hub.replaceChildren();
      return;
    }
    const { isVertical } = this.layout;
    const { u, v, length, depth } = hubOf(this.layout);
    const [x, y, width, height] = isVertical ? [v, u, depth, length] : [u, v, length, depth];
    this.hub.replaceChildren(
      svg("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 12 }),
      svg("text", { x, y: y - 4 }, traded > 0 ? energy(traded) : "no trade"),
      svg("text", { x, y: y + 13, class: "second" }, traded > 0 ? price(moment.at("price_dollars_per_kwh")) : "in this interval"));
  }

  mark(selected) {
    this.houses.forEach(({ group }, i) => {
      const isIt = i === selected;
      group.setAttribute("aria-selected", String(isIt));
      group.setAttribute("tabindex", isIt || (selected === null && i === 0) ? 0 : -1);
    });
  }

  // Arrow keys go from house to house while one has the focus.
  move(event) {
    const from = this.houses.findIndex(({ group }) => group === document.activeElement);
    if (from < 0) return;
    if (event.key === "Enter") {
      this.onSelect(from);
    } else {
      const to = this.neighbour(from, event.key);
      if (to === null) return;
      this.houses[to].group.focus({ preventScroll: true });
      this.onSelect(to, true);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  neighbour(from, key) {
    const last = this.houses.length - 1;
    if (key === "ArrowRight") return Math.min(from + 1, last);
    if (key === "ArrowLeft") return Math.max(from - 1, 0);
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (key !== "ArrowUp" && key !== "ArrowDown") return null;
    const here = this.layout.houses[from];
    const sign = key === "ArrowDown" ? 1 : -1;
    let best = from;
    let least = Infinity;
    this.layout.houses.forEach((house, i) => {
      const down = sign * (house.y - here.y);
      const distance = down + 4 * Math.abs(house.x - here.x);
      if (down > 1 && distance < least) [best, least] = [i, distance];
    });
    return best;
  }
}

function sameHouses(one, other) {
  return one.length === other.length && one.every((house, i) => house.name === other[i].name
    && house.role === other[i].role && house.has_battery === other[i].has_battery);
}

function describe({ name, role }, now, unitPrice) {
  const words = [role ? `${name}, ${role}` : name];
  if (is(now.demand)) words.push(`uses ${energy(now.demand)}`);
  if (now.pv > 0) words.push(`PV gives ${energy(now.pv)}`);
  if (now.filled > 0) words.push(`buys ${energy(now.filled)} at ${price(unitPrice)}`);
  if (now.filled < 0) words.push(`sells ${energy(-now.filled)} at ${price(unitPrice)}`);
  if (now.charge > 0) words.push(`battery ${number(100 * now.charge, 0)} %`);
  return words.join("; ");
}

function hills(width, height, horizon) {
  const points = Array.from({ length: 33 }, (_, k) => {
    const x = (width * k) / 32;
    return `${round(x)} ${round(horizon - 5 * Math.sin((5.1 * x) / width + 0.6) - 3 * Math.sin((13 * x) / width))}`;
  });
  return `M0 ${height}L${points.join("L")}L${width} ${height}Z`;
}
