/** The scene's menu: a `<details>` that closes as menus do, with Escape or a press elsewhere. */
import { byId } from "../dom.js";

export function initMenu() {
  const menu = byId("menu", HTMLDetailsElement);
  const button = /** @type {HTMLElement} */ (menu.querySelector("summary"));
  addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    // Elsewhere Escape interrupts the partner: here it was meant for the menu.
    event.stopPropagation();
    menu.open = false;
    button.focus();
  });
  // Only Tab: a press inside takes the focus to the page for a moment, and must not lose what it is on.
  addEventListener("keyup", (event) => {
    if (event.key === "Tab" && !menu.contains(document.activeElement)) menu.open = false;
  });
}
