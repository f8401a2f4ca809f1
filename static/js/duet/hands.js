/**
 * What one plays oneself, whichever way it is played: it sounds at once here, shows in the picture, and goes to the
 * server stamped on the duet's clock.
 */

/** Controllers: the pedal, and all notes off. */
const [SUSTAIN, ALL_NOTES_OFF] = [64, 123];

export class Hands {
  /**
   * @param {import("./link.js").DuetLink} link
   * @param {import("./sound.js").Sound} sound
   * @param {import("./traces.js").Traces} traces
   */
  constructor(link, sound, traces) {
    this.link = link;
    this.sound = sound;
    this.traces = traces;
    this.player = 0;
    this.channel = 0;
    /** How many of the ways hold each pitch. @type {Map<number, number>} */
    this.held = new Map();
    this.pedal = false;
    /** Notes played so far. */
    this.count = 0;
  }

  /**
   * @param {number} pitch
   * @param {number} velocity
   * @param {number} at Page milliseconds.
   */
  press(pitch, velocity, at) {
    this.held.set(pitch, (this.held.get(pitch) ?? 0) + 1);
    this.sound.touch(pitch, velocity);
    this.traces.begin(this.player, pitch, this.link.clock.duetAt(at));
    this.count += 1;
    this.tell(0x90, pitch, velocity, at);
  }

  /**
   * @param {number} pitch
   * @param {number} at
   */
  release(pitch, at) {
    const holds = this.held.get(pitch) ?? 0;
    if (holds > 1) return void this.held.set(pitch, holds - 1);
    if (!this.held.delete(pitch)) return;
    this.sound.touch(pitch, 0);
    this.traces.end(this.player, pitch, this.link.clock.duetAt(at));
    this.tell(0x80, pitch, 0, at);
  }

  /**
   * @param {boolean} down
   * @param {number} at
   */
  sustain(down, at) {
    if (this.pedal === down) return;
    this.pedal = down;
    this.sound.sustain(down);
    this.tell(0xb0, SUSTAIN, down ? 127 : 0, at);
  }

  /**
   * A message of a MIDI device; channels of devices mean nothing here.
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  midi([status = 0, one = 0, two = 0], at) {
    const kind = status & 0xf0;
    if (kind === 0x90 && two > 0) this.press(one, two, at);
    else if (kind === 0x80 || kind === 0x90) this.release(one, at);
    else if (kind === 0xb0 && one === SUSTAIN) this.sustain(two >= 64, at);
    else if (kind === 0xb0 && (one === ALL_NOTES_OFF || one === 120)) this.letGo(at);
  }

  /**
   * Nothing is held any more.
   * @param {number} at
   */
  letGo(at) {
    for (const pitch of [...this.held.keys()]) {
      this.held.set(pitch, 1);
      this.release(pitch, at);
    }
    this.sustain(false, at);
  }

  /**
   * @param {number} status
   * @param {number} one
   * @param {number} two
   * @param {number} at
   */
  tell(status, one, two, at) {
    // Before the clocks are known a stamp would be wrong: the server takes what is far off at its arrival.
    const stamp = this.link.clock.isKnown ? Math.max(0, Math.round(this.link.clock.duetAt(at))) : 0;
    this.link.send({ type: "duet.midi", events: [[stamp, status | this.channel, one, two]] });
  }
}
