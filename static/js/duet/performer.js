/**
 * The partner as it is heard here: takes promises, hands what is due to the sound card and to a MIDI output a little
 * ahead of time, beats the metronome, and counts what came late.
 *
 * @typedef {import("./types.js").Note} Note
 * @typedef {import("./types.js").Transport} Transport
 */
import { Schedule } from "./schedule.js";
import { timeOf } from "./types.js";

/** How far ahead notes are handed on: longer than this thread is ever busy, and short enough for a stop to be one. */
const HORIZON_US = 300_000;

export class Performer {
  /**
   * @param {import("./clock.js").DuetClock} clock
   * @param {import("./sound.js").Sound} sound
   * @param {import("./ports.js").Ports} ports
   */
  constructor(clock, sound, ports) {
    this.clock = clock;
    this.sound = sound;
    this.ports = ports;
    this.schedule = new Schedule();
    /** @type {Note[]} */
    this.planned = [];
    /** @type {import("./types.js").PlannedChord[]} */
    this.chords = [];
    this.revision = 0;
    /** @type {Transport | null} */
    this.transport = null;
    this.metronome = false;
    this.clicked = -Infinity;
    this.playing = false;
  }

  get now() {
    return this.clock.duetAt(performance.now());
  }

  /** @param {Note[]} notes */
  promise(notes) {
    this.schedule.promise(notes, this.now);
    const ids = new Set(notes.map((note) => note.id));
    this.planned = this.planned.filter((note) => !ids.has(note.id));
  }

  /**
   * @param {number} revision
   * @param {import("./types.js").PlannedChord[]} chords
   * @param {Note[]} notes
   */
  plan(revision, chords, notes) {
    if (revision < this.revision) return;
    this.revision = revision;
    // The chords of a moment ago are still read: the plan begins with the one that sounds now.
    const first = chords[0]?.at_us ?? Infinity;
    const before = this.chords.filter((chord) => chord.at_us < first && chord.at_us + chord.duration_us > this.now - 2e6);
    this.chords = [...before, ...chords];
    this.planned = notes.filter((note) => !this.schedule.known.has(note.id));
  }

  /** @param {Transport | null} transport */
  move(transport) {
    this.transport = transport;
  }

  /** To be called every few milliseconds. */
  tick() {
    this.sound.look();
    if (!this.clock.isKnown) return;
    const { now } = this;
    for (const note of this.schedule.due(now, now + HORIZON_US)) {
      const from = this.clock.pageAt(Math.max(note.at, now));
      const to = this.clock.pageAt(Math.max(note.at + note.duration, now + 30_000));
      this.sound.play(note, from, to);
      this.ports.play(note, from, to);
    }
    if (this.metronome && this.playing) this.beat(now);
  }

  /** @param {number} now */
  beat(now) {
    const { transport } = this;
    if (!transport || !(transport.us_per_beat > 50_000)) return;
    const from = Math.max(0, Math.ceil(transport.origin_beat + (now - transport.origin_us) / transport.us_per_beat));
    for (let beat = from; timeOf(transport, beat) < now + HORIZON_US; beat++) {
      // When the beats move, a beat that was clicked already is not clicked again.
      const at = timeOf(transport, beat);
      if (at < this.clicked + transport.us_per_beat * 0.5) continue;
      this.clicked = at;
      this.sound.click(this.clock.pageAt(at), beat % transport.beats_per_bar === 0);
    }
  }

  /** @param {number[]} ids */
  cancel(ids) {
    for (const note of this.schedule.cancel(ids)) {
      const at = this.clock.pageAt(Math.max(note.at, this.now));
      this.sound.takeBack(note, at);
      this.ports.takeBack(note, at);
    }
  }

  /** Silence, at once. */
  allOff() {
    this.schedule.clear(this.now);
    this.planned = [];
    this.sound.allOff();
    this.ports.allOff();
  }

  /** The connection is lost, or a new duet has begun: nothing that was known holds. */
  forget() {
    this.allOff();
    this.schedule.waiting = [];
    this.schedule.given = [];
    this.schedule.known.clear();
    this.chords = [];
    this.revision = 0;
    this.transport = null;
    this.clicked = -Infinity;
    this.playing = false;
  }

  /** What sounds now of the partner, drums left out. */
  get sounding() {
    const { now } = this;
    return new Set(this.schedule.given.filter((note) => note.part !== "drums" && note.at <= now && note.at + note.duration > now).map((note) => note.pitch));
  }

  /** The chord of now, and those after it. */
  get harmony() {
    const { now } = this;
    const next = this.chords.findIndex((chord) => chord.at_us > now);
    const at = next < 0 ? this.chords.length : next;
    const current = this.chords[at - 1];
    return { current: current && current.at_us + current.duration_us > now - 50_000 ? current : null, next: this.chords.slice(at) };
  }
}
