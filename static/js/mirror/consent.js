/** Before the browser asks for the camera, the page says calmly what it is for and what leaves the browser. */
import { byId } from "../dom.js";
import { load, save } from "../prefs.js";

/**
 * Resolves with whether the person wants the camera; who has said so before is not asked again.
 * @returns {Promise<boolean>}
 */
export function askConsent() {
  if (load("camera") === true) return Promise.resolve(true);
  const dialog = byId("consent", HTMLDialogElement);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const yes = dialog.returnValue === "yes";
      if (yes) save("camera", true);
      resolve(yes);
    }, { once: true });
  });
}

/** The two buttons of the dialog say what was chosen; Escape is no. */
export function initConsent() {
  const dialog = byId("consent", HTMLDialogElement);
  byId("consent-yes").addEventListener("click", () => dialog.close("yes"));
  byId("consent-no").addEventListener("click", () => dialog.close("no"));
}
