/**
 * What is heard: one bus for everybody, a metronome beside it, and the sound card's clock. Sound begins with a gesture;
 * until the instruments are there, plain tones are heard.
 */
import { AudioClock } from "./clock.js";
import { FontSynth, SynthError } from "./font-synth.js";
import { Tones } from "./tones.js";

/**
 * @typedef {"off" | "loading" | "ready" | "font_missing" | "synth_failed" | "sound_failed"} SoundState
 * @typedef {"you" | "lead" | "chords" | "bass" | "drums" | "others" | "click"} Voice
 */

/** What each voice begins with. @type {Record<Voice, number>} */
export const VOLUMES = { you: 0.85, lead: 0.8, chords: 0.62, bass: 0.75, drums: 0.6, others: 0.75, click: 0.5 };

/** Channels of the partner's parts; players have 0 and 4 to 8. @type {Record<number, Voice>} */
const PARTS = { 1: "lead", 2: "chords", 3: "bass", 9: "drums" };

/** The metronome's two tones, in Hz, and how long they are. */
const [BAR_HZ, BEAT_HZ, CLICK_S] = [1760, 1175, 0.05];

/** How long the partner stays silent after a stop: what was handed to the sound card before is over by then. */
const HUSH_MS = 450;

/** Channels of MIDI. */
const CHANNELS = 16;

export class Sound {
  /** @param {(state: SoundState) => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {GainNode | null} */
    this.master = null;
    /** @type {FontSynth | Tones | null} */
    this.synth = null;
    this.clock = new AudioClock();
    /** @type {SoundState} */
    this.state = "off";
    /** @type {Record<Voice, number>} */
    this.volumes = { ...VOLUMES };
    /** One's own channel. */
    this.own = 0;
    this.instrument = 0;
    /** Whether a MIDI output has taken the partner's notes over. */
    this.elsewhere = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.hushed = undefined;
  }

  /** To be called from a gesture. */
  async open() {
    if (this.context) return void this.context.resume();
    try {
      this.context = new AudioContext({ latencyHint: "interactive" });
    } catch {
      return this.become("sound_failed");
    }
    this.wake();
    // A telephone call or another program may have taken the sound away: the next touch brings it back.
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => this.wake(), { capture: true });
    this.master = new GainNode(this.context, { gain: 0.9 });
    // Several players at once may be louder than the sound card: this bends where it would break.
    const guard = new DynamicsCompressorNode(this.context, { threshold: -10, knee: 8, ratio: 6, attack: 0.003, release: 0.2 });
    this.master.connect(guard).connect(this.context.destination);
    this.synth = new Tones(this.context, this.master);
    this.applyAll();
    this.become("loading");
    try {
      const font = await FontSynth.open(this.context, this.master);
      this.synth.destroy();
      this.synth = font;
      this.applyAll();
      this.become("ready");
    } catch (error) {
      this.become(error instanceof SynthError ? error.code : "synth_failed");
    }
  }

  wake() {
    if (this.context && this.context.state !== "running" && this.context.state !== "closed") void this.context.resume();
  }

  /** @param {SoundState} state */
  become(state) {
    this.state = state;
    this.changed(state);
  }

  /** Reads the sound card's clock; to be called often. */
  look() {
    const { context } = this;
    if (context?.state !== "running") return;
    const { contextTime, performanceTime } = context.getOutputTimestamp();
    if (contextTime && performanceTime) this.clock.add(contextTime, performanceTime);
    // A browser that does not tell: what is rendered now is heard after the latency.
    else this.clock.add(context.currentTime - this.latency, performance.now());
  }

  /** Seconds from the sound card's buffer to the air, as the browser tells it. */
  get latency() {
    return this.context ? this.context.outputLatency || this.context.baseLatency || 0 : 0;
  }

  get runs() {
    return this.context?.state === "running" && this.clock.isKnown;
  }

  /**
   * Seconds of the context for a moment of the page.
   * @param {number} pageMs
   */
  when(pageMs) {
    return Math.max(0, this.clock.contextAt(pageMs));
  }

  /**
   * A note of the partner's.
   * @param {import("./types.js").Note} note
   * @param {number} from Page milliseconds of its beginning.
   * @param {number} to And of its end.
   */
  play(note, from, to) {
    if (!this.synth || !this.runs || this.elsewhere) return;
    const when = this.when(from);
    this.synth.program(note.channel, note.program, when);
    this.synth.on(note.channel, note.pitch, note.velocity, when);
    this.synth.off(note.channel, note.pitch, this.when(to));
  }

  /**
   * One's own note, at once.
   * @param {number} pitch
   * @param {number} velocity 0 lets it go.
   */
  touch(pitch, velocity) {
    if (velocity > 0) this.synth?.on(this.own, pitch, velocity, 0);
    else this.synth?.off(this.own, pitch, 0);
  }

  /** @param {boolean} down */
  sustain(down) {
    this.synth?.pedal(this.own, down, 0);
  }

  /**
   * Another player's MIDI.
   * @param {import("./types.js").MidiEvent} event
   * @param {number} pageMs When it is to be heard.
   */
  take([, status, one, two], pageMs) {
    const channel = status & 15;
    const kind = status & 0xf0;
    const when = this.when(pageMs);
    if (!this.synth || channel === this.own) return;
    if (kind === 0x90 && two > 0) this.synth.on(channel, one, two, when);
    else if (kind === 0x80 || kind === 0x90) this.synth.off(channel, one, when);
    else if (kind === 0xc0) this.synth.program(channel, one, when);
    else if (kind === 0xb0 && one === 64) this.synth.pedal(channel, two >= 64, when);
  }

  /**
   * A beat of the metronome.
   * @param {number} pageMs
   * @param {boolean} isBar
   */
  click(pageMs, isBar) {
    const { context, master } = this;
    if (!context || !master || !this.runs) return;
    const at = Math.max(this.when(pageMs), context.currentTime);
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(this.volumes.click * (isBar ? 0.5 : 0.32), at);
    gain.gain.exponentialRampToValueAtTime(0.0008, at + CLICK_S);
    const tone = new OscillatorNode(context, { frequency: isBar ? BAR_HZ : BEAT_HZ });
    tone.connect(gain).connect(master);
    tone.start(at);
    tone.stop(at + CLICK_S);
  }

  /**
   * @param {Voice} voice
   * @param {number} volume 0 to 1.
   */
  setVolume(voice, volume) {
    this.volumes[voice] = volume;
    this.applyAll();
  }

  /** @param {number} channel */
  setOwn(channel) {
    this.own = channel;
    this.applyAll();
  }

  /** @param {number} program */
  setInstrument(program) {
    this.instrument = program;
    this.applyAll();
  }

  applyAll() {
    if (!this.synth) return;
    const quiet = this.hushed !== undefined;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const part = PARTS[channel];
      const voice = part ?? (channel === this.own ? "you" : "others");
      this.synth.volume(channel, part && quiet ? 0 : this.volumes[voice]);
    }
    this.synth.program(this.own, this.instrument, 0);
  }

  /** Everything is let go, and what the sound card has got of the partner ahead of time is not heard. */
  allOff() {
    this.synth?.allOff();
    clearTimeout(this.hushed);
    this.hushed = setTimeout(() => {
      this.hushed = undefined;
      for (const channel of Object.keys(PARTS)) this.synth?.silence(Number(channel));
      this.applyAll();
    }, HUSH_MS);
    this.applyAll();
  }

  /**
   * A note that was handed on and is taken back: it is let go where it begins, or now where it sounds.
   * @param {import("./types.js").Note} note
   * @param {number} pageMs
   */
  takeBack(note, pageMs) {
    this.synth?.off(note.channel, note.pitch, this.when(pageMs));
  }
}
