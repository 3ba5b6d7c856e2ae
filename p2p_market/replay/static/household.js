// The day of one household: what it uses and makes, where it buys and sells, and how full its battery is.

import { ceiling, Chart, steps } from "./chart.js";
import { DAY, clock, dollars, energy, is } from "./format.js";
import { html, tiles } from "./svg.js";

export function drawDay(holder, list, { day, household, now, overview, onPick, index }) {
  const { columns, starts, count } = day;
  const step = overview.clock.step || DAY / 48;
  const midnight = Math.floor(starts[0] / DAY) * DAY;
  const slots = Math.round(DAY / step);
  const spread = (name) => {
    const values = new Array(slots).fill(null);
    (columns[name] ?? []).forEach((value, i) => {
      const slot = Math.round((starts[i] - midnight) / step);
      if (slot < slots) values[slot] = value;
    });
    return values;
  };
  const hours = { values: [0, 6, 12, 18, 24].map((hour) => (hour * slots) / 24), names: ["0", "6", "12", "18", "24 h"] };
  const cursor = now - day.first >= 0 && now - day.first < count
    ? Math.round((starts[now - day.first] - midnight) / step) : null;
  const panels = [drawUse, drawTrades, ...(household.has_battery && columns.state_of_charge ? [drawCharge] : [])];
  const places = panels.map(() => html("div", { class: "chart" }));
  holder.replaceChildren(...places);
  panels.forEach((draw, i) => {
    const chart = new Chart(places[i], { height: 178, bottom: 22, label: `${TITLES.get(draw)} of ${household.name}` });
    draw(chart, spread, slots);
    if (cursor !== null) {
      const { top, bottom } = chart.area;
      const [x1, x2] = [chart.x(cursor), chart.x(cursor + 1)];
      chart.add("rect", { class: "now", x: x1, width: Math.max(2, x2 - x1), y: top, height: bottom - top });
    }
    chart.axisX("", hours);
    const picture = chart.show();
    picture.addEventListener("click", (event) => {
      const share = (event.clientX - picture.getBoundingClientRect().left - chart.area.left)
        / (chart.area.right - chart.area.left);
      const time = midnight + Math.min(Math.max(Math.floor(share * slots), 0), slots - 1) * step;
      const distance = starts.map((start) => Math.abs(start - time));
      onPick(day.first + distance.indexOf(Math.min(...distance)));
    });
  });

  const total = (name) => columns[name]?.reduce((sum, value) => sum + (value ?? 0), 0);
  const here = (name) => columns[name]?.[now - day.first];
  const [bill, alone] = [total("bill_dollars"), total("grid_only_bill_dollars")];
  const part = (name, caption) => [energy(total(name)), caption];
  tiles(list, [
    [dollars(here("bill_dollars")), `bill at ${cursor === null ? "this time" : clock(midnight + cursor * step)}`],
    [dollars(bill), "bill of the day"],
    [dollars(is(bill) && is(alone) ? alone - bill : null), "saved by trading that day"],
    [dollars(overview.saving_dollars[index]), overview.is_live ? "saved so far" : "saved in the whole run"],
    part("demand_kwh", "used"),
    ...(household.role === "prosumer" ? [part("pv_kwh", "from PV")] : []),
  ]);
}

function drawUse(chart, spread, slots) {
  const [demand, pv] = [spread("demand_kwh"), spread("pv_kwh")];
  chart.scales([0, slots], [0, ceiling([...demand, ...pv])]);
  chart.axisY("kWh an interval", 3);
  chart.add("path", { class: "pv", d: areaUnder(chart, pv) });
  chart.add("path", { class: "line", d: steps(chart, demand) });
  key(chart, [["pv", "PV"], ["line", "demand"]]);
}

function drawTrades(chart, spread, slots) {
  const [filled, bought, sold] = ["filled_kwh", "grid_import_kwh", "grid_export_kwh"].map(spread);
  const above = filled.map((value, i) => Math.max(value ?? 0, 0) + (bought[i] ?? 0));
  const below = filled.map((value, i) => Math.max(-(value ?? 0), 0) + (sold[i] ?? 0));
  const reach = [Math.max(...below) > 0 ? -ceiling(below) : 0, Math.max(...above) > 0 ? ceiling(above) : 0];
  chart.scales([0, slots], reach[0] === reach[1] ? [0, 1] : reach);
  chart.axisY("kWh, \u2212 is sold", 4);
  filled.forEach((value, i) => {
    const up = Math.max(value ?? 0, 0);
    const down = Math.max(-(value ?? 0), 0);
    bar(chart, i, 0, up, "buy");
    bar(chart, i, up, up + (bought[i] ?? 0), "buy tint");
    bar(chart, i, 0, -down, "sell");
    bar(chart, i, -down, -down - (sold[i] ?? 0), "sell tint");
  });
  chart.add("line", { class: "axis", x1: chart.area.left, x2: chart.area.right, y1: chart.y(0), y2: chart.y(0) });
  key(chart, [["buy", ""], ["sell", "market"], ["buy tint", ""], ["sell tint", "grid"]]);
}

function drawCharge(chart, spread, slots) {
  const charge = spread("state_of_charge").map((value) => (is(value) ? 100 * value : null));
  chart.scales([0, slots], [0, 100]);
  chart.axisY("battery [%], at the end of each interval", 2);
  chart.add("path", { class: "battery", d: areaUnder(chart, charge) });
}

const TITLES = new Map([[drawUse, "Demand and PV"], [drawTrades, "Trades"], [drawCharge, "Battery"]]);

function areaUnder(chart, values) {
  return values.map((value, i) => (value ? `M${chart.x(i)} ${chart.y(0)}V${chart.y(value)}H${chart.x(i + 1)}V${chart.y(0)}Z` : ""))
    .join("");
}

function bar(chart, i, from, to, kind) {
  if (Math.abs(to - from) < 1e-9) return;
  const [top, foot] = [chart.y(Math.max(from, to)), chart.y(Math.min(from, to))];
  chart.add("rect", { class: kind, x: chart.x(i + 0.12), width: Math.max(0.8, chart.x(i + 0.88) - chart.x(i + 0.12)), y: top,
    height: Math.max(0.5, foot - top) });
}

function key(chart, rows) {
  let x = chart.area.right;
  for (const [kind, words] of [...rows].reverse()) {
    const width = words ? 22 + 6.4 * words.length : 11;
    x -= width;
    chart.add("rect", { class: kind === "line" ? "line-key" : kind, x, y: chart.area.top - 14, width: 9, height: 9 });
    chart.text(x + 13, chart.area.top - 6, words, "tick", "start");
  }
}
