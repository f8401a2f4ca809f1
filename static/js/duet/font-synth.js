/** The synthesiser: SpessaSynth in an AudioWorklet, with the soundfont that our server gives out. */

/** Where the vendored synthesiser and the soundfont are. */
const FOLDER = new URL("../../vendor/spessasynth", import.meta.url).href;
const FONT = new URL("../../soundfonts/gm.sf2", import.meta.url).href;

/** A failure with a name that the page has words for. */
export class SynthError extends Error {
  /**
   * @param {"font_missing" | "synth_failed"} code
   * @param {unknown} [cause]
   */
  constructor(code, cause) {
    super(code, { cause });
    this.code = code;
  }
}

/** Controllers of MIDI. */
const [VOLUME, SUSTAIN, ALL_SOUND_OFF] = [7, 64, 120];

export class FontSynth {
  /**
   * Loads everything; rejects with a {@link SynthError}.
   * @param {AudioContext} context
   * @param {AudioNode} target
   */
  static async open(context, target) {
    const font = fetch(FONT).then((answer) => (answer.ok ? answer.arrayBuffer() : null), () => null);
    const library = `${FOLDER}/spessasynth_lib.js`;
    try {
      await context.audioWorklet.addModule(`${FOLDER}/processor.js`);
      const { WorkletSynthesizer } = await import(library);
      const bytes = await font;
      if (!bytes) throw new SynthError("font_missing");
      const synth = new WorkletSynthesizer(context, { eventsEnabled: false });
      await synth.isReady;
      await synth.soundBankManager.addSoundBank(bytes, "gm");
      synth.connect(target);
      return new FontSynth(synth);
    } catch (error) {
      throw error instanceof SynthError ? error : new SynthError("synth_failed", error);
    }
  }

  /** @param {any} synth */
  constructor(synth) {
    this.synth = synth;
    /** @type {Map<number, number>} */
    this.programs = new Map();
  }

  /**
   * @param {number} channel
   * @param {number} pitch
   * @param {number} velocity
   * @param {number} when Seconds of the context; 0 for now.
   */
  on(channel, pitch, velocity, when) {
    this.synth.noteOn(channel, pitch, velocity, { time: when });
  }

  /**
   * @param {number} channel
   * @param {number} pitch
   * @param {number} when
   */
  off(channel, pitch, when) {
    this.synth.noteOff(channel, pitch, { time: when });
  }

  /**
   * @param {number} channel
   * @param {number} program
   * @param {number} when
   */
  program(channel, program, when) {
    if (channel === 9 || this.programs.get(channel) === program) return;
    this.programs.set(channel, program);
    this.synth.programChange(channel, program, { time: when });
  }

  /**
   * @param {number} channel
   * @param {boolean} down
   * @param {number} when
   */
  pedal(channel, down, when) {
    this.synth.controllerChange(channel, SUSTAIN, down ? 127 : 0, { time: when });
  }

  /**
   * @param {number} channel
   * @param {number} volume 0 to 1.
   */
  volume(channel, volume) {
    this.synth.controllerChange(channel, VOLUME, Math.round(volume * 127));
  }

  /** @param {number} channel */
  silence(channel) {
    this.synth.controllerChange(channel, ALL_SOUND_OFF, 0);
  }

  allOff() {
    for (let channel = 0; channel < 16; channel++) this.pedal(channel, false, 0);
    this.synth.stopAll(false);
  }

  destroy() {
    this.synth.destroy();
  }
}
