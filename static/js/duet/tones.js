/**
 * Plain tones, for as long as there is no soundfont: enough to play by. It has the same methods as the synthesiser.
 */

/** Seconds in which a tone fades once it is let go. */
const RELEASE_S = 0.12;

/** Noise of so many seconds is the drum of all drums. */
const HIT_S = 0.09;

export class Tones {
  /**
   * @param {AudioContext} context
   * @param {AudioNode} target
   */
  constructor(context, target) {
    this.context = context;
    /** @type {Map<number, GainNode>} One for each channel. */
    this.channels = new Map();
    this.target = target;
    /** @type {Map<string, {gain: GainNode, tone: OscillatorNode}[]>} */
    this.sounding = new Map();
    this.noise = context.createBuffer(1, Math.ceil(HIT_S * context.sampleRate), context.sampleRate);
    const samples = this.noise.getChannelData(0);
    for (let at = 0; at < samples.length; at++) samples[at] = Math.random() * 2 - 1;
  }

  /** @param {number} channel */
  channel(channel) {
    let gain = this.channels.get(channel);
    if (!gain) {
      gain = new GainNode(this.context, { gain: 0.8 });
      gain.connect(this.target);
      this.channels.set(channel, gain);
    }
    return gain;
  }

  /**
   * @param {number} channel
   * @param {number} pitch
   * @param {number} velocity
   * @param {number} when Seconds of the context; 0 for now.
   */
  on(channel, pitch, velocity, when) {
    const at = Math.max(when, this.context.currentTime);
    const gain = new GainNode(this.context, { gain: 0 });
    const loud = 0.22 * (velocity / 127) ** 1.5;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(loud, at + 0.004);
    gain.connect(this.channel(channel));
    if (channel === 9) return this.hit(gain, at);
    gain.gain.setTargetAtTime(loud * 0.3, at + 0.004, 0.5);
    const tone = new OscillatorNode(this.context, { type: "triangle", frequency: 440 * 2 ** ((pitch - 69) / 12) });
    tone.connect(gain);
    tone.start(at);
    const key = `${channel} ${pitch}`;
    const list = this.sounding.get(key) ?? [];
    list.push({ gain, tone });
    this.sounding.set(key, list);
  }

  /**
   * @param {GainNode} gain
   * @param {number} at
   */
  hit(gain, at) {
    const noise = new AudioBufferSourceNode(this.context, { buffer: this.noise });
    gain.gain.setTargetAtTime(0, at + 0.004, 0.02);
    noise.connect(gain);
    noise.start(at);
  }

  /**
   * @param {number} channel
   * @param {number} pitch
   * @param {number} when
   */
  off(channel, pitch, when) {
    const key = `${channel} ${pitch}`;
    const oldest = this.sounding.get(key)?.shift();
    if (oldest) this.fade(oldest, Math.max(when, this.context.currentTime));
  }

  /**
   * @param {{gain: GainNode, tone: OscillatorNode}} voice
   * @param {number} at
   */
  fade({ gain, tone }, at) {
    gain.gain.setTargetAtTime(0, at, RELEASE_S / 4);
    tone.stop(at + RELEASE_S);
  }

  program() {}

  pedal() {}

  /**
   * @param {number} channel
   * @param {number} volume 0 to 1.
   */
  volume(channel, volume) {
    this.channel(channel).gain.value = volume ** 2;
  }

  /** @param {number} channel */
  silence(channel) {
    for (const [key, list] of this.sounding) if (key.startsWith(`${channel} `)) for (const voice of list.splice(0)) this.fade(voice, this.context.currentTime);
  }

  allOff() {
    for (const list of this.sounding.values()) for (const voice of list) this.fade(voice, this.context.currentTime);
    this.sounding.clear();
  }

  destroy() {
    this.allOff();
  }
}
