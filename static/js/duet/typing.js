/**
 * The computer's keys on the whole page: notes, pedal, and shortcuts. Whoever writes into a field writes; whoever goes
 * through the page with Tab presses buttons with the space bar.
 */
import { Keys } from "./keys.js";

/**
 * @typedef {object} Shortcuts
 * @property {() => void} toggle Start, or end together.
 * @property {() => void} stop
 * @property {() => void} escape Close what is open, else all notes off.
 * @property {(at: number) => void} tap
 * @property {() => void} metronome
 * @property {(index: number) => void} mode
 * @property {() => void} where
 * @property {() => void} ask
 * @property {() => void} help
 */

/** @type {Record<string, (shortcuts: Shortcuts, at: number) => void>} */
const CODES = {
  Enter: (does) => does.toggle(),
  Backspace: (does) => does.stop(),
  Escape: (does) => does.escape(),
  KeyB: (does, at) => does.tap(at),
  KeyM: (does) => does.metronome(),
  KeyN: (does) => does.ask(),
  KeyI: (does) => does.where(),
  KeyQ: (does) => does.help(),
  Digit1: (does) => does.mode(0),
  Digit2: (does) => does.mode(1),
  Digit3: (does) => does.mode(2),
  Digit4: (does) => does.mode(3),
};

/** What the list of keys shows: the keys and the word for what they do. */
export const SHORTCUTS = /** @type {const} */ ([
  ["A – '   W – P", "duet_shortcut_notes"],
  ["Z  X", "duet_shortcut_octave"],
  ["C  V", "duet_shortcut_touch"],
  ["Space", "duet_shortcut_sustain"],
  ["Enter", "duet_shortcut_start"],
  ["Backspace", "duet_shortcut_stop"],
  ["Esc", "duet_shortcut_panic"],
  ["B", "duet_shortcut_tap"],
  ["M", "duet_shortcut_metronome"],
  ["1 – 4", "duet_shortcut_mode"],
  ["N", "duet_shortcut_ask"],
  ["I", "duet_shortcut_where"],
  ["Q", "duet_shortcut_help"],
]);

export class Typing {
  /**
   * @param {import("./keys.js").KeyHooks} hooks
   * @param {Shortcuts} shortcuts
   * @param {() => boolean} on Whether the piano is open.
   */
  constructor(hooks, shortcuts, on) {
    this.keys = new Keys(hooks);
    this.shortcuts = shortcuts;
    this.on = on;
    /** Whether the focus was moved by the keyboard: then space and Enter belong to what has it. */
    this.tabbed = false;
    addEventListener("pointerdown", () => (this.tabbed = false), true);
    addEventListener("keydown", (event) => this.down(event));
    addEventListener("keyup", (event) => this.up(event));
    addEventListener("blur", () => this.keys.releaseAll(performance.now()));
    document.addEventListener("visibilitychange", () => document.hidden && this.keys.releaseAll(performance.now()));
    // A field that was chosen with the mouse gives the keys back once it has been used.
    addEventListener("change", ({ target }) => {
      if (!this.tabbed && target instanceof HTMLElement && target.matches("select, input[type=radio], input[type=checkbox], input[type=range]")) target.blur();
    });
  }

  /** @param {KeyboardEvent} event */
  down(event) {
    if (event.key === "Tab") this.tabbed = true;
    if (!this.on() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    if (this.belongs(event)) return;
    const shortcut = CODES[event.code];
    const isOurs = shortcut !== undefined || (event.repeat && this.keys.held.has(event.code)) || (!event.repeat && this.keys.down(event.code, event.timeStamp)) || (event.repeat && event.code === "Space");
    if (!isOurs) return;
    event.preventDefault();
    if (shortcut && !event.repeat) shortcut(this.shortcuts, event.timeStamp);
  }

  /** @param {KeyboardEvent} event */
  up(event) {
    // Whatever has the focus by now: a key that was pressed for us comes up for us.
    if (this.keys.up(event.code, event.timeStamp)) event.preventDefault();
  }

  /**
   * Whether the key means something to what has the focus.
   * @param {KeyboardEvent} event
   */
  belongs({ target, code, key }) {
    if (!(target instanceof Element)) return false;
    if (target.matches("textarea, input:not([type=range], [type=radio], [type=checkbox])")) {
      if (code === "Escape" && target instanceof HTMLElement) target.blur();
      return true;
    }
    if (target.matches("select")) return code !== "Escape";
    if (target.closest(".piano")) return key === "Enter";
    return this.tabbed && (code === "Space" || code === "Enter") && target.closest("button, a, summary, input, label") !== null;
  }
}
