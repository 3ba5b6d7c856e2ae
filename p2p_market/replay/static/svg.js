// Making elements. Text is always set as text, so no name can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export const byId = (id) => document.getElementById(id);

// A list of figures: [value, caption] each.
export function tiles(list, figures) {
  list.replaceChildren(...figures.map(([value, caption]) => html("div", {}, html("dt", {}, caption), html("dd", {}, value))));
}

export const round = (value) => Math.round(value * 10) / 10;
