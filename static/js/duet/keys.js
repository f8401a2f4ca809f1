/**
 * The computer keyboard as a piano: two rows, by where the keys are and not by what is printed on them, so that it is
 * the same under every layout and with a Korean input method.
 */

/** White keys in the home row and black ones above it, from C on, in semitones. @type {Record<string, number>} */
export const NOTES = {
  KeyA: 0, KeyW: 1, KeyS: 2, KeyE: 3, KeyD: 4, KeyF: 5, KeyT: 6, KeyG: 7, KeyY: 8, KeyH: 9, KeyU: 10, KeyJ: 11,
  KeyK: 12, KeyO: 13, KeyL: 14, KeyP: 15, Semicolon: 16, Quote: 17,
};

/** What is printed on them where it is not a letter. @type {Record<string, string>} */
const PRINTED = { Semicolon: ";", Quote: "'" };

/** Lowest and highest C of the row; the piano has no more. */
const [LOWEST, HIGHEST] = [24, 96];

/** How hard the keys are struck, from soft to loud. */
export const TOUCHES = [38, 58, 78, 98, 118];

/**
 * @typedef {object} KeyHooks
 * @property {(pitch: number, velocity: number, at: number) => void} press
 * @property {(pitch: number, at: number) => void} release
 * @property {(down: boolean, at: number) => void} sustain
 * @property {() => void} moved The octave or the touch has changed.
 */

export class Keys {
  /** @param {KeyHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    this.base = 60;
    this.touch = 2;
    /** The pitch that each held key has begun: an octave shift in between must not leave it sounding. @type {Map<string, number>} */
    this.held = new Map();
    this.sustained = false;
  }

  /** The key that plays a pitch now, as printed; empty for none. @param {number} pitch */
  hint(pitch) {
    const found = Object.entries(NOTES).find(([, step]) => this.base + step === pitch);
    return found ? (PRINTED[found[0]] ?? found[0].slice(3)) : "";
  }

  /**
   * @param {string} code As `KeyboardEvent.code`.
   * @param {number} at Page milliseconds.
   * @returns {boolean} Whether the key is one of ours.
   */
  down(code, at) {
    if (code === "Space") {
      if (!this.sustained) this.hooks.sustain((this.sustained = true), at);
      return true;
    }
    if (code === "KeyZ" || code === "KeyX") return this.shift(code === "KeyX" ? 12 : -12);
    if (code === "KeyC" || code === "KeyV") return this.strike(code === "KeyV" ? 1 : -1);
    const step = NOTES[code];
    if (step === undefined) return false;
    if (this.held.has(code)) return true;
    const pitch = this.base + step;
    this.held.set(code, pitch);
    this.hooks.press(pitch, TOUCHES[this.touch] ?? 78, at);
    return true;
  }

  /**
   * @param {string} code
   * @param {number} at
   */
  up(code, at) {
    if (code === "Space" && this.sustained) {
      this.hooks.sustain((this.sustained = false), at);
      return true;
    }
    const pitch = this.held.get(code);
    if (pitch === undefined) return false;
    this.held.delete(code);
    this.hooks.release(pitch, at);
    return true;
  }

  /**
   * The page no longer hears keys come up: they all do now.
   * @param {number} at
   */
  releaseAll(at) {
    for (const code of [...this.held.keys(), "Space"]) this.up(code, at);
  }

  /** @param {number} by */
  shift(by) {
    this.base = Math.max(LOWEST, Math.min(HIGHEST, this.base + by));
    this.hooks.moved();
    return true;
  }

  /** @param {number} by */
  strike(by) {
    this.touch = Math.max(0, Math.min(TOUCHES.length - 1, this.touch + by));
    this.hooks.moved();
    return true;
  }
}
