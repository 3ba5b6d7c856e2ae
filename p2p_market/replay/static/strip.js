// The whole run as a strip behind the slider: sun, demand and what neighbours traded.

import { DAY, clock, shortDate } from "./format.js";
import { round, svg } from "./svg.js";

const HEIGHT = 46;
const FOOT = 32;
export const INSET = 9; // half of the slider's thumb: the strip's ends are where the thumb's middle can go

export function drawStrip(holder, overview, times) {
  const width = Math.max(120, Math.round(holder.clientWidth));
  const { strip, num_intervals: number } = overview;
  const last = Math.max(number - 1, 1);
  const x = (interval) => round(INSET + (interval / last) * (width - 2 * INSET));
  const highest = Math.max(1e-9, ...["demand_kwh", "pv_kwh"].flatMap((name) => strip[name] ?? []));
  const y = (value) => round(FOOT - ((value ?? 0) / highest) * (FOOT - 3));
  if (!number) {
    holder.replaceChildren();
    return;
  }
  const path = (values) => (values ?? []).map((value, i) => `${i ? "L" : "M"}${x(strip.first[i])} ${y(value)}`).join("");
  const area = (values) => (values ? `${path(values)}V${FOOT}H${INSET}Z` : "");
  holder.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT },
    svg("path", { class: "pv", d: area(strip.pv_kwh) }),
    svg("path", { class: "traded", d: area(strip.traded_kwh) }),
    svg("path", { class: "line", d: path(strip.demand_kwh) }),
    ...marks(number, times, width).map(([interval, words]) => svg("g", {},
      svg("line", { class: "grid", x1: x(interval), x2: x(interval), y1: 2, y2: FOOT + 2 }),
      svg("text", { class: "tick", x: x(interval) + 3, y: HEIGHT - 2 }, words)))));
}

// Where days begin, as many as fit; hours in a run of one day.
function marks(number, times, width) {
  const most = Math.max(2, Math.floor(width / 74));
  const [first, last] = [times.startOf(0), times.startOf(number - 1)];
  const days = Math.max(1, Math.ceil((last - first) / DAY));
  const unit = days > 1 ? DAY * Math.ceil(days / most) : 6 * 3600000;
  const found = [];
  let previous = null;
  for (let i = 0; i < number; i += 1) {
    const start = times.startOf(i);
    const slot = Math.floor((start - Math.floor(first / DAY) * DAY) / unit);
    if (slot !== previous && (previous !== null || start % DAY === 0)) found.push([i, days > 1 ? shortDate(start) : clock(start)]);
    previous = slot;
  }
  return found;
}
