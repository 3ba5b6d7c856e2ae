// A house: how much sun its panels turn into power, how full its battery is, how bright its windows are, and what it
// traded. Made once; an interval only changes it.

import { is, signed } from "./format.js";
import { round, svg } from "./svg.js";

const RAYS = Array.from({ length: 8 }, (_, k) => {
  const [x, y] = [Math.cos((k * Math.PI) / 4), Math.sin((k * Math.PI) / 4)];
  return `M${round(13.5 * x)} ${round(13.5 * y)}L${round(19 * x)} ${round(19 * y)}`;
}).join("");
const LEAST = 1e-6;

export function makeHouse({ x, y, size }, { label, hasPv, hasBattery }, isSmall) {
  const group = svg("g", { role: "option", class: "house", tabindex: -1, "aria-selected": "false",
    transform: `translate(${round(x)} ${round(y)}) scale(${round(size) / 60})` });
  const parts = isSmall ? smallParts(hasPv) : largeParts(hasPv);
  if (hasBattery) {
    parts.charge = svg("rect", { class: "charge", x: 38, width: 8, rx: 1.5, height: 0, y: 0 });
    parts.battery = svg("g", {}, svg("rect", { class: "cell", x: 36, y: -36, width: 12, height: 36, rx: 3 }),
      svg("rect", { class: "cell", x: 39.5, y: -39, width: 5, height: 3 }), parts.charge);
  }
  const ring = svg("rect", { class: "ring", x: -40, y: isSmall ? -66 : -70, width: hasBattery ? 93 : 80,
    height: isSmall ? 72 : 76, rx: 8 });
  group.append(ring, ...[parts.glow, parts.sun, parts.roof, parts.panel, parts.wall, parts.body, parts.battery, parts.details]
    .filter(Boolean));
  if (!isSmall) {
    parts.sum = svg("text", { class: "sum", x: 0, y: 22 });
    group.append(parts.sum, svg("text", { class: "plaque", x: 0, y: -41 },
      label.length > 7 ? `${label.slice(0, 6)}\u2026` : label));
  }
  return { group, parts, isSmall };
}

function largeParts(hasPv) {
  const window = svg("rect", { class: "window", x: -22, y: -30, width: 15, height: 13, rx: 1 });
  return {
    window,
    sun: hasPv && svg("g", { class: "sun", transform: "translate(0 -86)" }, svg("circle", { r: 10 }), svg("path", { d: RAYS })),
    roof: svg("polygon", { class: "roof", points: "-36,-36 0,-62 36,-36" }),
    panel: hasPv && svg("polygon", { class: "panel", points: "5,-54.5 28,-38 10,-38 -8,-51" }),
    body: svg("rect", { class: "body", x: -30, y: -37, width: 60, height: 37, rx: 2 }),
    details: svg("g", {}, window, svg("rect", { class: "door", x: 6, y: -23, width: 13, height: 23, rx: 1 })),
  };
}

function smallParts(hasPv) {
  return {
    glow: hasPv && svg("circle", { class: "glow", cx: 0, cy: -58, r: 15 }),
    roof: svg("polygon", { class: hasPv ? "roof solar" : "roof", points: "-36,-32 0,-62 36,-32" }),
    wall: svg("rect", { class: "wall", x: -30, y: -33, width: 60, height: 33, rx: 2 }),
    body: svg("rect", { class: "body", x: -30, y: -33, width: 60, height: 33, rx: 2 }),
  };
}

export function updateHouse({ group, parts, isSmall }, now) {
  const sun = Math.min(1, (now.pv ?? 0) / now.most.pv) ** 0.8;
  if (parts.sun) {
    parts.sun.setAttribute("transform", `translate(0 -86) scale(${round(10 * (0.4 + 0.75 * sun)) / 10})`);
    parts.sun.style.opacity = sun > 0.02 ? 0.35 + 0.65 * sun : 0;
  }
  if (parts.glow) parts.glow.style.opacity = sun;
  if (parts.window) parts.window.style.fillOpacity = Math.min(1, 0.12 + 1.5 * Math.sqrt((now.demand ?? 0) / now.most.demand));
  if (parts.charge) {
    const share = Math.min(1, Math.max(0, now.charge ?? 0));
    parts.charge.setAttribute("height", round(32 * share));
    parts.charge.setAttribute("y", round(-2 - 32 * share));
  }
  const traded = now.filled ?? 0;
  const side = traded > LEAST ? "buys" : traded < -LEAST ? "sells" : "";
  group.classList.toggle("buys", side === "buys");
  group.classList.toggle("sells", side === "sells");
  if (isSmall) {
    parts.body.style.fillOpacity = side ? 0.3 + 0.7 * Math.sqrt(Math.min(1, Math.abs(traded) / now.most.filled)) : 1;
  } else {
    parts.sum.textContent = is(now.filled) ? signed(traded) : "";
  }
  group.setAttribute("aria-label", now.label);
}
