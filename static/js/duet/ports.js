/**
 * MIDI devices: keyboards to play on, and outputs that the partner plays through (a synthesiser, or a virtual port of
 * another program). Devices may come and go at any time.
 */

/** What `onMidi` gets: status and data bytes, and when it was played. @typedef {(bytes: Uint8Array, at: number) => void} OnMidi */

/** Controllers that silence a channel: all sound off, all notes off. */
const [ALL_SOUND_OFF, ALL_NOTES_OFF] = [120, 123];

export class Ports {
  /**
   * @param {{midi: OnMidi, changed: () => void}} hooks
   */
  constructor(hooks) {
    this.hooks = hooks;
    /** @type {MIDIAccess | null} */
    this.access = null;
    /** `all` or the id of an input. */
    this.input = "all";
    /** Empty or the id of an output. */
    this.output = "";
    /** @type {Map<number, number>} */
    this.programs = new Map();
  }

  get isPossible() {
    return "requestMIDIAccess" in navigator;
  }

  /** Asks the browser; rejects when the person or the browser says no. */
  async open() {
    if (this.access) return;
    this.access = await navigator.requestMIDIAccess({ sysex: false });
    this.access.onstatechange = () => this.attach();
    this.attach();
  }

  get inputs() {
    return this.access ? [...this.access.inputs.values()].filter((port) => port.state === "connected") : [];
  }

  get outputs() {
    return this.access ? [...this.access.outputs.values()].filter((port) => port.state === "connected") : [];
  }

  /** Listens to what is chosen; what was unplugged in the middle of a note is the page's to let go. */
  attach() {
    for (const port of this.access?.inputs.values() ?? []) {
      const wanted = port.state === "connected" && (this.input === "all" || this.input === port.id);
      port.onmidimessage = wanted ? (event) => event.data && this.hooks.midi(event.data, event.timeStamp) : null;
    }
    if (this.output && !this.outputs.some((port) => port.id === this.output)) this.output = "";
    this.hooks.changed();
  }

  /** @param {string} id */
  chooseInput(id) {
    this.input = id;
    this.attach();
  }

  /** @param {string} id */
  chooseOutput(id) {
    this.allOff();
    this.output = id;
    this.programs.clear();
    this.hooks.changed();
  }

  get out() {
    return this.output ? this.outputs.find((port) => port.id === this.output) : undefined;
  }

  /**
   * A note of the partner's, at its time.
   * @param {import("./types.js").Note} note
   * @param {number} from Page milliseconds.
   * @param {number} to
   */
  play(note, from, to) {
    const { out } = this;
    if (!out) return;
    if (note.channel !== 9 && this.programs.get(note.channel) !== note.program) {
      this.programs.set(note.channel, note.program);
      out.send([0xc0 | note.channel, note.program], from);
    }
    out.send([0x90 | note.channel, note.pitch, note.velocity], from);
    out.send([0x80 | note.channel, note.pitch, 0], to);
  }

  /** @param {import("./types.js").Note} note @param {number} at */
  takeBack(note, at) {
    this.out?.send([0x80 | note.channel, note.pitch, 0], at);
  }

  /** Silence on every channel; what was sent ahead of its time is forgotten where the browser can. */
  allOff() {
    const { out } = this;
    if (!out) return;
    /** @type {any} */ (out).clear?.();
    for (let channel = 0; channel < 16; channel++) for (const controller of [64, ALL_SOUND_OFF, ALL_NOTES_OFF]) out.send([0xb0 | channel, controller, 0]);
  }
}
