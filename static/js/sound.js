/** Browsers keep the sound off until the first click or key: a page that was loaded anew has had none. */
import { t } from "./i18n.js";
import { dismiss, notify } from "./notices.js";

/** A context that may sound does so by then. */
const LOOK_AFTER_MS = 800;

/**
 * Lets `context` sound as soon as the browser allows it, and says what it waits for.
 * @param {AudioContext} context
 */
export function unlock(context) {
  const again = () => {
    if (context.state === "closed") return;
    void context.resume();
    dismiss("sound");
  };
  again();
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, again, { once: true });
  setTimeout(() => {
    if (context.state === "suspended") notify("sound", { level: "warning", words: () => t("sound_locked") });
  }, LOOK_AFTER_MS);
}
