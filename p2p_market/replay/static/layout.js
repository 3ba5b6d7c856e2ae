// Where the houses stand: two rows along a street, or, where there are many, rows of small ones on both sides of it.
// Places are worked out along the street (u) and across it (v); on a narrow screen the street runs from top to bottom.

export const MOST_LARGE = 40;
const NARROW = 640;
const FEWEST_COLUMNS = 7; // few houses stand close together in the middle

export function layoutOf(number, width) {
  if (number > MOST_LARGE) return town(number, width);
  return width < NARROW ? narrowStreet(number, width) : wideStreet(number, width);
}

function wideStreet(number, width) {
  const columns = Math.ceil(number / 2);
  const pitch = Math.min(width / (Math.max(columns, FEWEST_COLUMNS) + 0.4), 120);
  const size = Math.min(0.62 * pitch, 62);
  const left = (width - pitch * columns) / 2;
  const sky = 46;
  const first = sky + 1.75 * size;
  const label = size > 24 ? 28 : 20;
  const lane = { from: first + label, to: first + label + 148 };
  const second = lane.to + 1.7 * size + 6;
  const houses = [];
  for (let i = 0; i < number; i += 1) {
    const isFar = i < columns;
    const u = left + pitch * ((isFar ? i : i - columns) + 0.5);
    houses.push({ x: u, y: isFar ? first : second, size, u, side: isFar ? -1 : 1 });
  }
  const height = number > 1 ? second + label + 10 : lane.to + 12;
  return { houses, lane, width, height, length: width, horizon: first - 0.1 * size, isVertical: false, isTown: false };
}

function narrowStreet(number, width) {
  const rows = Math.ceil(number / 2);
  const size = Math.min(38, width / 9);
  const pitch = 2.35 * size;
  const edge = 0.95 * size + 4;
  const sky = 40;
  const lane = { from: 2 * edge + 2, to: width - 2 * edge - 2 };
  const houses = [];
  for (let i = 0; i < number; i += 1) {
    const isFar = i % 2 === 0;
    const y = sky + pitch * (Math.floor(i / 2) + 0.82);
    houses.push({ x: isFar ? edge : width - edge, y, size, u: y - 0.4 * size, side: isFar ? -1 : 1 });
  }
  const height = sky + pitch * rows + 16;
  return { houses, lane, width, height, length: height, horizon: sky + 0.55 * pitch, isVertical: true, isTown: false };
}

function town(number, width) {
  const room = width < NARROW ? 0.9 * width * width : 0.24 * width * width;
  const pitch = Math.max(13, Math.min(46, Math.sqrt(room / number)));
  const columns = Math.max(1, Math.floor(width / pitch));
  const perSide = Math.ceil(Math.ceil(number / 2) / columns);
  const size = 0.66 * pitch;
  const used = Math.ceil(number / (2 * perSide)); // columns that are needed, evenly filled
  const along = Math.min(1.35 * pitch, width / used);
  const left = (width - along * used) / 2;
  const sky = 42;
  const row = 1.18 * pitch;
  const lane = { from: sky + perSide * row + 14, to: sky + perSide * row + 140 };
  const houses = [];
  for (let i = 0; i < number; i += 1) {
    const line = Math.floor(i / used);
    const isFar = line < perSide;
    const u = left + along * ((i % used) + 0.5);
    const y = isFar ? sky + (line + 1) * row : lane.to + 8 + (line - perSide + 1) * row;
    houses.push({ x: u, y, size, u, side: isFar ? -1 : 1 });
  }
  const height = lane.to + 8 + perSide * row + 16;
  return { houses, lane, width, height, length: width, horizon: sky + 0.7 * row, isVertical: false, isTown: true };
}
