// Axes for small charts, in the pixels of their place on the page.

import { niceCeiling, number, ticks } from "./format.js";
import { round, svg } from "./svg.js";

export class Chart {
  constructor(holder, { height, left = 46, right = 18, top = 18, bottom = 36, label }) {
    this.holder = holder;
    this.width = Math.max(260, Math.round(holder.clientWidth));
    this.height = height;
    this.area = { left, right: this.width - right, top, bottom: height - bottom };
    this.parts = [];
    this.label = label;
  }

  scales([x0, x1], [y0, y1]) {
    const { left, right, top, bottom } = this.area;
    this.x = (value) => round(left + ((value - x0) / (x1 - x0 || 1)) * (right - left));
    this.y = (value) => round(bottom - ((value - y0) / (y1 - y0 || 1)) * (bottom - top));
    this.range = { x: [x0, x1], y: [y0, y1] };
    return this;
  }

  add(tag, attributes, ...children) {
    const part = svg(tag, attributes, ...children);
    this.parts.push(part);
    return part;
  }

  text(x, y, words, kind = "", anchor = "middle") {
    this.add("text", { x, y, class: kind, "text-anchor": anchor }, words);
  }

  axisY(title, most = 4) {
    const { left, right, top } = this.area;
    const { values, decimals } = ticks(...this.range.y, most);
    for (const value of values) {
      const y = this.y(value);
      this.add("line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
      this.text(left - 6, y + 4, number(value, decimals), "tick", "end");
    }
    this.text(left, top - 6, title, "tick", "start");
  }

  axisX(title, places) {
    const { left, right, bottom } = this.area;
    const { values, decimals } = places ?? ticks(...this.range.x, this.width > 360 ? 6 : 4);
    const wide = places?.names ?? values.map((value) => number(value, decimals));
    values.forEach((value, i) => this.text(this.x(value), bottom + 15, wide[i], "tick"));
    this.add("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom });
    if (title) this.text((left + right) / 2, bottom + 31, title, "tick");
  }

  note(words) {
    const { left, right, top, bottom } = this.area;
    this.text((left + right) / 2, (top + bottom) / 2, words, "note");
  }

  show() {
    const { width, height } = this;
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": this.label },
      ...this.parts);
    this.holder.replaceChildren(picture);
    return picture;
  }
}

// Path of values that hold from one place to the next; gaps where there are none.
export function steps(chart, values, first = 0) {
  let path = "";
  let open = false;
  values.forEach((value, i) => {
    if (value === null || value === undefined) {
      open = false;
      return;
    }
    path += `${open ? "L" : "M"}${chart.x(first + i)} ${chart.y(value)}H${chart.x(first + i + 1)}`;
    open = true;
  });
  return path;
}

export const ceiling = (values) => niceCeiling(1.05 * Math.max(0, ...values.map((value) => value ?? 0)));
