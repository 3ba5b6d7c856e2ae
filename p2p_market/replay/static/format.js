// Numbers, times and names for people. Times are the street's own clock: milliseconds that are read as UTC.

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December"];
export const DAY = 86400000;
const MINUS = "\u2212";

// Made once: a format takes longer to make than a thousand numbers to write.
const FORMATS = Array.from({ length: 9 }, (_, digits) => new Intl.NumberFormat("en-US",
  { minimumFractionDigits: digits, maximumFractionDigits: digits }));

const two = (value) => String(value).padStart(2, "0");
export const is = (value) => value !== null && value !== undefined;

export function number(value, decimals) {
  if (!is(value)) return "\u2013";
  const text = FORMATS[decimals].format(Math.abs(value));
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
}

export function energy(kwh) {
  if (!is(kwh)) return "\u2013";
  const size = Math.abs(kwh);
  return `${number(kwh, size === 0 ? 0 : size < 1 ? 3 : size < 100 ? 2 : 0)} kWh`;
}

export const price = (dollars) => (is(dollars) ? `${number(dollars, 4)} $/kWh` : "no price");
export const dollars = (value) => (is(value) ? `${number(value, Math.abs(value) < 10 ? 3 : 2)} $` : "\u2013");
export const percent = (share) => (is(share) ? `${number(100 * share, 0)} %` : "\u2013");

export function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return Number(text) === 0 ? "" : (value > 0 ? "+" : MINUS) + text;
}

export function clock(time) {
  const date = new Date(time);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

export function longDate(time) {
  const date = new Date(time);
  return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

export function shortDate(time) {
  const date = new Date(time);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()].slice(0, 3)}`;
}

export const hourOf = (time) => (time % DAY) / 3600000;

// Starts of intervals from the few numbers that describe them.
export class Clock {
  constructor({ step, stretches }) {
    this.step = step;
    this.stretches = stretches;
  }

  startOf(interval) {
    let [first, start] = this.stretches[0];
    for (const stretch of this.stretches) {
      if (stretch[0] > interval) break;
      [first, start] = stretch;
    }
    return start + (interval - first) * this.step;
  }

  nameOf(interval) {
    const start = this.startOf(interval);
    const until = this.step ? `\u2013${clock(start + this.step)}` : "";
    return `${longDate(start)}, ${clock(start)}${until}`;
  }
}

// House numbers where all names are a word and a number, else the names themselves.
export function shortNames(names) {
  const parts = names.map((name) => /^(.+)_(\d+)$/.exec(name));
  if (!parts.every((part) => part)) return names;
  const stems = new Set(parts.map((part) => part[1]));
  const short = parts.map((part) => (stems.size === 1 ? "" : part[1][0]) + part[2]);
  return new Set(short).size === names.length ? short : names;
}

export function niceCeiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => value <= step * power * (1 + 1e-9));
  return (factor ?? 10) * power;
}

export function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) found.push(k * step);
  return { values: found, decimals: Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) };
}
