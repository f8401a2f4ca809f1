/**
 * The falling notes: time runs from the top to the keys. What is promised is solid, what is only planned is faint, what
 * people play sinks away below the line of now.
 *
 * @typedef {import("./types.js").Note} Note
 * @typedef {import("./types.js").PlannedChord} PlannedChord
 * @typedef {import("./types.js").Transport} Transport
 *
 * @typedef {object} Scenery What is to be seen at a moment.
 * @property {number} now µs of the duet.
 * @property {Transport | null} transport
 * @property {Note[]} promised
 * @property {Note[]} planned
 * @property {PlannedChord[]} chords
 * @property {import("./traces.js").Trace[]} traces
 * @property {number} player Whose traces are one's own.
 */
import { timeOf } from "./types.js";

/** What is seen ahead. */
const AHEAD_US = 4_200_000;

/** Where now is, from the top. */
const NOW_AT = 0.8;

/** Width of the lane of the drums, in pixels, and its three columns. */
const DRUM_LANE = 42;

/** Bass and snare drums; all others are cymbals and what is like them. */
const [KICKS, SNARES] = [new Set([35, 36, 41, 43, 45]), new Set([37, 38, 39, 40, 47, 48, 50])];

/** The colours of the parts, as the page's style names them. */
const COLOURS = /** @type {const} */ (["--you", "--persona", "--think", "--warning", "--muted", "--line", "--ink", "--panel", "--clause"]);

/** How often the colours are read again: the theme may have changed. */
const COLOURS_MS = 700;

export class Roll {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {Record<string, string>} */
    this.colours = {};
    this.coloursAt = -Infinity;
    this.width = 0;
    this.height = 0;
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  fit() {
    const ratio = Math.min(2, devicePixelRatio);
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /**
   * @param {Scenery} scenery
   * @param {ReturnType<typeof import("./layout.js").layoutOf>} layout
   */
  draw(scenery, layout) {
    const { context } = this;
    if (this.width === 0) return;
    this.readColours();
    this.layout = layout;
    context.clearRect(0, 0, this.width, this.height);
    this.lanes();
    this.beats(scenery);
    this.chords(scenery);
    for (const note of scenery.planned) this.note(note, scenery.now, true);
    for (const note of scenery.promised) this.note(note, scenery.now, false);
    for (const trace of scenery.traces) this.trace(trace, scenery);
    this.line();
  }

  readColours() {
    const now = performance.now();
    if (now - this.coloursAt < COLOURS_MS) return;
    this.coloursAt = now;
    const style = getComputedStyle(this.canvas);
    for (const name of COLOURS) this.colours[name] = style.getPropertyValue(name).trim();
    this.font = style.fontFamily;
  }

  /** @param {(typeof COLOURS)[number]} name */
  colour(name) {
    return this.colours[name] ?? "#888";
  }

  /**
   * @param {number} at
   * @param {number} now
   */
  y(at, now) {
    return this.height * NOW_AT * (1 - (at - now) / AHEAD_US);
  }

  /** A key's place; what lies beyond the piano shows at its edge. @param {number} pitch */
  column(pitch) {
    const { keys, low, high } = /** @type {NonNullable<typeof this.layout>} */ (this.layout);
    if (pitch < low) return { x: 0, width: 4, beyond: true, black: false };
    if (pitch > high) return { x: this.width - 4, width: 4, beyond: true, black: false };
    const key = /** @type {import("./layout.js").KeyPlace} */ (keys[pitch - low]);
    return { x: key.x, width: key.width, beyond: false, black: key.black };
  }

  /** The octaves, as faint lines: they lead the eye down to the keys. */
  lanes() {
    const { context } = this;
    context.fillStyle = this.colour("--line");
    context.globalAlpha = 0.6;
    for (const key of this.layout?.keys ?? []) if (key.pitch % 12 === 0) context.fillRect(Math.round(key.x), 0, 1, this.height);
    context.globalAlpha = 0.25;
    for (const key of this.layout?.keys ?? []) if (key.pitch % 12 === 5) context.fillRect(Math.round(key.x), 0, 1, this.height);
    context.globalAlpha = 1;
  }

  /** @param {Scenery} scenery */
  beats({ transport, now }) {
    if (!transport || !(transport.us_per_beat > 50_000)) return;
    const { context } = this;
    const first = Math.floor(transport.origin_beat + (now - AHEAD_US / 3 - transport.origin_us) / transport.us_per_beat);
    context.fillStyle = this.colour("--ink");
    context.font = `600 11px ${this.font}`;
    for (let beat = first; ; beat++) {
      const at = timeOf(transport, beat);
      if (at > now + AHEAD_US) return void (context.globalAlpha = 1);
      if (beat < 0) continue;
      const y = Math.round(this.y(at, now));
      const isBar = beat % transport.beats_per_bar === 0;
      context.globalAlpha = isBar ? 0.28 : 0.1;
      context.fillRect(0, y, this.width, isBar ? 1.5 : 1);
      if (!isBar) continue;
      context.globalAlpha = 0.5;
      context.textAlign = "right";
      context.fillText(String(1 + beat / transport.beats_per_bar), this.width - 6, y - 4);
    }
  }

  /** @param {Scenery} scenery */
  chords({ chords, now }) {
    const { context } = this;
    context.textAlign = "left";
    for (const chord of chords) {
      const y = this.y(chord.at_us, now);
      if (y < -10 || y > this.height * NOW_AT + 2) continue;
      context.globalAlpha = 0.9;
      context.font = `500 15px "Iowan Old Style", Palatino, P052, serif`;
      const width = context.measureText(chord.symbol).width + 14;
      context.fillStyle = this.colour("--panel");
      round(context, 8, y - 22, width, 20, 10);
      context.fill();
      context.fillStyle = this.colour("--ink");
      context.fillText(chord.symbol, 15, y - 7);
    }
    context.globalAlpha = 1;
  }

  /**
   * @param {Note} note
   * @param {number} now
   * @param {boolean} isPlan
   */
  note(note, now, isPlan) {
    if (note.at > now + AHEAD_US * 1.05 || note.at + note.duration < now - AHEAD_US / 3) return;
    if (note.part === "drums") return this.drum(note, now, isPlan);
    const { x, width, beyond, black } = this.column(note.pitch);
    const [bottom, top] = [this.y(note.at, now), this.y(note.at + note.duration, now)];
    const sounds = !isPlan && note.at <= now && note.at + note.duration > now;
    const isOver = note.at + note.duration <= now;
    const colour = this.colour(note.part === "lead" ? "--persona" : note.part === "bass" ? "--warning" : "--think");
    const inset = black ? 1 : Math.max(1, width * 0.14);
    const { context } = this;
    context.globalAlpha = isPlan ? 0.3 : isOver ? 0.35 : 0.62 + 0.38 * (note.velocity / 127);
    if (beyond) context.globalAlpha *= 0.6;
    round(context, x + inset, top + 1, Math.max(3, width - 2 * inset), Math.max(5, bottom - top - 2), Math.min(6, width / 3));
    if (isPlan) {
      context.globalAlpha = 0.16;
      context.fillStyle = colour;
      context.fill();
      context.globalAlpha = 0.55;
      context.strokeStyle = colour;
      context.lineWidth = 1.2;
      context.setLineDash([3, 3]);
      context.stroke();
      context.setLineDash([]);
    } else {
      context.fillStyle = colour;
      if (sounds) {
        context.shadowColor = colour;
        context.shadowBlur = 14;
      }
      context.fill();
      context.shadowBlur = 0;
    }
    context.globalAlpha = 1;
  }

  /**
   * Drums have no keys: they fall in a lane of their own.
   * @param {Note} note
   * @param {number} now
   * @param {boolean} isPlan
   */
  drum(note, now, isPlan) {
    const column = KICKS.has(note.pitch) ? 0 : SNARES.has(note.pitch) ? 1 : 2;
    const y = this.y(note.at, now);
    const { context } = this;
    const x = this.width - DRUM_LANE - 14 + (column + 0.5) * (DRUM_LANE / 3);
    const size = (column === 2 ? 2.4 : 3.8) * (0.6 + 0.5 * (note.velocity / 127)) * (Math.abs(note.at - now) < 60_000 ? 1.5 : 1);
    context.globalAlpha = isPlan ? 0.25 : note.at < now ? 0.3 : 0.75;
    context.fillStyle = this.colour(column === 2 ? "--muted" : "--clause");
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 1;
  }

  /**
   * @param {import("./traces.js").Trace} trace
   * @param {Scenery} scenery
   */
  trace({ player, pitch, at, end }, { now, player: own }) {
    const { x, width, black } = this.column(pitch);
    const [bottom, top] = [this.y(at, now), this.y(end ?? now, now)];
    const { context } = this;
    context.fillStyle = this.colour(player === own ? "--you" : "--clause");
    context.globalAlpha = end === null ? 0.95 : 0.6;
    const inset = black ? 1 : Math.max(1, width * 0.14);
    round(context, x + inset, top, Math.max(3, width - 2 * inset), Math.max(4, bottom - top), Math.min(6, width / 3));
    context.fill();
    context.globalAlpha = 1;
  }

  /** Now. */
  line() {
    const { context } = this;
    const y = Math.round(this.height * NOW_AT);
    context.fillStyle = this.colour("--persona");
    context.globalAlpha = 0.75;
    context.fillRect(0, y - 1, this.width, 2);
    context.globalAlpha = 1;
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {number} radius
 */
function round(context, x, y, width, height, radius) {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
