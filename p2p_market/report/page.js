// Shows at once what a browser would show after a while: the words of the place under the pointer or finger.
"use strict";
const box = document.getElementById("words");
for (const title of document.querySelectorAll(".words title")) {
  title.parentNode.dataset.words = title.textContent;
  title.remove();
}
function show(event) {
  const place = event.target.closest ? event.target.closest("[data-words]") : null;
  box.hidden = !place;
  if (!place) return;
  box.textContent = place.dataset.words;
  const left = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8);
  const below = event.clientY + 18;
  const fits = below + box.offsetHeight < window.innerHeight - 8;
  box.style.left = Math.max(8, left) + "px";
  box.style.top = (fits ? below : event.clientY - box.offsetHeight - 12) + "px";
}
document.addEventListener("pointermove", show);
document.addEventListener("pointerdown", show);
document.addEventListener("scroll", () => { box.hidden = true; }, { passive: true, capture: true });
