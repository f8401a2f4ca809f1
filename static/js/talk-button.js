/**
 * Push to talk: the person, not the server, says where a turn begins and ends.
 *
 * @typedef {object} TalkHooks
 * @property {(event: Record<string, unknown>) => void} send
 * @property {(pcm: ArrayBuffer) => void} audio
 * @property {() => void} interrupt
 * @property {() => void} change
 * @property {() => void} tooShort
 */

/** Frames of 20 ms kept from before the press: people begin to speak while they press. */
const LEAD_FRAMES = 15;

/** Frames still sent after the release: the last consonant comes after the finger. */
const TAIL_FRAMES = 10;

/** A press shorter than this (in frames of 20 ms) holds no word. */
const SHORTEST_FRAMES = 12;

export class TalkButton {
  /** @param {TalkHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    /** Whether the mode is on. */
    this.on = false;
    this.holding = false;
    this.frames = 0;
    this.tail = 0;
    /** Whether a reply is to be asked for as soon as the words are accepted. */
    this.asking = false;
    /** @type {ArrayBuffer[]} */
    this.lead = [];
  }

  /**
   * @param {boolean} on
   * @param {unknown} turnDetection What to go back to when the mode ends.
   */
  setMode(on, turnDetection) {
    this.drop();
    this.on = on;
    const input = { turn_detection: on ? null : turnDetection };
    this.hooks.send({ type: "session.update", session: { type: "realtime", audio: { input } } });
    this.hooks.send({ type: "input_audio_buffer.clear" });
  }

  /**
   * A frame from the microphone goes out always, or in this mode only while the button is held.
   * @param {ArrayBuffer} pcm
   */
  frame(pcm) {
    if (!this.on) return this.hooks.audio(pcm);
    if (this.holding || this.tail > 0) {
      this.hooks.audio(pcm);
      this.frames += 1;
      if (!this.holding && --this.tail === 0) this.finish();
      return;
    }
    this.lead.push(pcm);
    if (this.lead.length > LEAD_FRAMES) this.lead.shift();
  }

  press() {
    if (!this.on || this.holding) return;
    this.hooks.interrupt();
    if (this.tail === 0) {
      this.frames = 0;
      for (const pcm of this.lead) this.hooks.audio(pcm);
      this.lead = [];
    }
    this.holding = true;
    this.hooks.change();
  }

  release() {
    if (!this.holding) return;
    this.holding = false;
    this.tail = TAIL_FRAMES;
    this.hooks.change();
  }

  /** Forgets a press in progress. */
  drop() {
    this.holding = false;
    this.tail = 0;
    this.frames = 0;
    this.lead = [];
    this.asking = false;
  }

  /** The server has accepted what was said; a refused press asks for nothing. */
  committed() {
    if (!this.asking) return;
    this.asking = false;
    this.hooks.send({ type: "response.create" });
  }

  finish() {
    if (this.frames - TAIL_FRAMES < SHORTEST_FRAMES) {
      this.hooks.send({ type: "input_audio_buffer.clear" });
      this.hooks.tooShort();
    } else {
      this.hooks.send({ type: "input_audio_buffer.commit" });
      this.asking = true;
    }
    this.frames = 0;
    this.hooks.change();
  }
}
