// Energy on its way, drawn in the street: from house to house where a run recorded who trades with whom, else through
// the market in the middle. Points are (u, v), along the street and across it; `place` turns them into x and y.

import { priceColour } from "./colour.js";
import { is } from "./format.js";
import { round, svg } from "./svg.js";

const MOST_PAIRS = 160;
const WIDEST = 13;
const HUB = { length: 132, depth: 46 };
const LEAST = 1e-6;

export function drawFlows(layer, view) {
  const { layout } = view;
  const place = layout.isVertical ? ([u, v]) => [v, u] : (point) => point;
  const flows = view.pairs ? pairFlows(view) : hubFlows(view);
  if (view.pairs && layout.isTown) flows.push(...hubFlows({ ...view, isMarked: () => false }));
  flows.sort((a, b) => b.kwh - a.kwh);
  layer.replaceChildren(...flows.map((flow) => arrow(flow, view, place)));
}

// Whether energy is drawn through the market.
export const usesHub = (view) => !view.pairs || view.layout.isTown;

export function hubOf(layout) {
  const u = layout.isVertical ? (layout.houses[0].u + layout.houses.at(-1).u) / 2 : layout.length / 2;
  const room = layout.lane.to - layout.lane.from;
  const [length, depth] = layout.isVertical ? [HUB.depth, Math.min(HUB.length, room - 36)] : [HUB.length, HUB.depth];
  return { u, v: (layout.lane.from + layout.lane.to) / 2, length, depth };
}

const anchor = (layout, house) => [house.u, house.side < 0 ? layout.lane.from + 3 : layout.lane.to - 3];

// In a town the arrows are those of all houses of a column on one side of the street together.
function hubFlows({ layout, filled, unitPrice, largest, isMarked }) {
  const groups = new Map();
  layout.houses.forEach((house, i) => {
    const kwh = filled?.[i] ?? 0;
    if (Math.abs(kwh) < LEAST) return;
    const key = layout.isTown ? `${Math.round(house.u)} ${house.side} ${kwh > 0}` : i;
    const group = groups.get(key) ?? { house, kwh: 0, paid: 0, marked: false };
    group.kwh += kwh;
    group.paid += kwh * (unitPrice?.[i] ?? 0);
    group.marked ||= isMarked(i);
    groups.set(key, group);
  });
  const hub = hubOf(layout);
  const flows = [...groups.values()].map(({ house, kwh, paid, marked }) => ({
    house, marked, kwh: Math.abs(kwh), sells: kwh < 0, price: unitPrice ? paid / kwh : null,
    distance: Math.abs(house.u - hub.u),
  }));
  for (const side of [-1, 1]) {
    for (const direction of [-1, 1]) {
      const mine = flows.filter((flow) => flow.house.side === side && (flow.house.u < hub.u ? -1 : 1) === direction
        && flow.distance > hub.length / 2);
      mine.sort((a, b) => b.distance - a.distance); // who is farther away comes in nearer to the middle
      mine.forEach((flow, i) => {
        const level = hub.v + side * (0.5 * hub.depth - 4) * ((i + 0.7) / mine.length);
        const end = [hub.u + direction * (hub.length / 2 + 4), level];
        flow.points = throughSide(anchor(layout, flow.house), end, direction, layout);
        flow.heading = flow.sells ? [-direction, 0] : [0, side];
      });
    }
  }
  for (const flow of flows.filter((one) => !one.points)) {
    const start = anchor(layout, flow.house);
    const end = [flow.house.u, hub.v + flow.house.side * (hub.depth / 2 + 3)];
    const middle = [flow.house.u, (start[1] + end[1]) / 2];
    flow.points = [start, middle, middle, end];
    flow.heading = [0, flow.sells ? -flow.house.side : flow.house.side];
  }
  return flows.map((flow) => ({ ...flow, share: flow.kwh / largest.hub, points: flow.sells ? flow.points : flow.points.reverse() }));
}

function throughSide(start, end, direction, layout) {
  const reach = Math.min(Math.abs(start[0] - end[0]), 0.5 * (layout.lane.to - layout.lane.from) + 30);
  return [start, [start[0], end[1]], [end[0] + direction * 0.6 * reach, end[1]], end];
}

function pairFlows({ layout, pairs, largest, isMarked, selected }) {
  const middle = (layout.lane.from + layout.lane.to) / 2;
  const most = layout.isTown ? pairs.filter((pair) => pair.seller === selected || pair.buyer === selected) : pairs;
  return [...most].sort((a, b) => b.kwh - a.kwh).slice(0, MOST_PAIRS).map((pair) => {
    const [from, to] = [layout.houses[pair.seller], layout.houses[pair.buyer]];
    const [start, end] = [anchor(layout, from), anchor(layout, to)];
    const across = from.side !== to.side;
    const depth = Math.min(0.9 * (layout.lane.to - layout.lane.from), 26 + 0.28 * Math.abs(start[0] - end[0]));
    const [one, other] = across ? [middle, middle] : [start[1] - from.side * depth, end[1] - from.side * depth];
    return {
      kwh: pair.kwh, price: pair.price, share: pair.kwh / largest.pair, marked: isMarked(pair.seller) || isMarked(pair.buyer),
      points: [start, [start[0], one], [end[0], other], end], heading: [0, to.side],
    };
  });
}

function arrow(flow, { priceShare, hasMark }, place) {
  const width = Math.max(1.8, WIDEST * Math.min(1, flow.share));
  const head = Math.max(7, 1.5 * width);
  const tip = flow.points[3];
  const back = [tip[0] - flow.heading[0] * head, tip[1] - flow.heading[1] * head];
  const across = [-flow.heading[1] * head * 0.55, flow.heading[0] * head * 0.55];
  const corners = [tip, [back[0] + across[0], back[1] + across[1]], [back[0] - across[0], back[1] - across[1]]];
  const text = (point) => place(point).map(round).join(" ");
  const [a, b, c] = flow.points;
  const path = `M${text(a)}C${text(b)} ${text(c)} ${text(back)}`;
  const colour = is(flow.price) ? priceColour(priceShare(flow.price)) : "#cfd6df";
  const state = !hasMark ? "" : flow.marked ? " marked" : " faint";
  return svg("g", { class: `flow${state}` },
    svg("path", { d: path, stroke: colour, "stroke-width": round(width), class: "bed" }),
    svg("path", { d: path, stroke: colour, "stroke-width": round(0.62 * width + 0.5), class: "stream" }),
    svg("polygon", { points: corners.map(text).join(" "), fill: colour }));
}
