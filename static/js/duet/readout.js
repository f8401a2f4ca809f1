/**
 * What is read while playing: the chord now and those to come, key, tempo, bar and beat; and the same in one sentence for
 * those who listen to it.
 *
 * @typedef {import("./performer.js").Performer} Performer
 */
import { byId, make } from "../dom.js";
import { t } from "../i18n.js";
import { beatAt, timeOf } from "./types.js";

/** Chords to come that are shown. */
const AHEAD = 4;

export class Readout {
  /** @param {Performer} performer */
  constructor(performer) {
    this.performer = performer;
    /** @type {{key: string | null, bpm: number | null, chord: string | null}} */
    this.heard = { key: null, bpm: null, chord: null };
    /** @type {import("./types.js").Settings | null} */
    this.settings = null;
    /** What stands where, so that only changes touch the page. @type {Map<string, string>} */
    this.shown = new Map();
  }

  /** Everything is written anew, in the language of the moment. */
  refresh() {
    this.shown.clear();
  }

  draw() {
    const { current, next } = this.performer.harmony;
    this.put("chord", current?.symbol ?? this.heard.chord ?? t("duet_no_chord"));
    this.put("roman", current?.roman ?? "");
    this.drawNext(next.slice(0, AHEAD));
    this.put("fact-key", this.key ?? t("duet_listening"));
    this.put("fact-tempo", t("duet_bpm", { bpm: Math.round(this.bpm) }));
    this.put("fact-bar", this.bar === null ? "–" : String(this.bar));
    this.put("roll-words", this.performer.playing || this.performer.schedule.given.length > 0 ? "" : t("duet_waiting"));
    const { turn } = this;
    byId("turn").dataset.who = turn ?? "";
    this.put("turn", turn ? t(`duet_turn_${turn}`) : "");
    this.drawLamps();
  }

  /** @param {import("./types.js").PlannedChord[]} next */
  drawNext(next) {
    const text = next.map(({ symbol, roman }) => `${symbol} ${roman}`).join("|");
    if (this.shown.get("next") === text) return;
    this.shown.set("next", text);
    byId("chords-next").replaceChildren(...next.map(({ symbol, roman }) => make("li", {}, make("b", {}, symbol), " ", make("small", {}, roman))));
  }

  drawLamps() {
    const { transport, playing, now } = this.performer;
    const beats = transport?.beats_per_bar ?? this.settings?.metre[0] ?? 4;
    const beat = transport && playing ? Math.floor(beatAt(transport, now)) : -1;
    const on = beat < 0 ? -1 : beat % beats;
    const text = `${beats} ${on}`;
    if (this.shown.get("lamps") === text) return;
    this.shown.set("lamps", text);
    const lamps = byId("lamps");
    while (lamps.children.length > beats) lamps.lastElementChild?.remove();
    while (lamps.children.length < beats) lamps.append(make("span", { class: "lamp" }));
    [...lamps.children].forEach((lamp, index) => lamp.setAttribute("data-on", String(index === on)));
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  put(id, text) {
    if (this.shown.get(id) === text) return;
    this.shown.set(id, text);
    byId(id).textContent = text;
  }

  get key() {
    const chosen = this.settings?.key;
    const key = chosen && chosen !== "auto" ? chosen : this.heard.key;
    return key ? keyWords(key) : null;
  }

  get bpm() {
    const { transport, playing } = this.performer;
    if (transport && playing && transport.us_per_beat > 0) return 60e6 / transport.us_per_beat;
    return this.settings?.bpm ?? 90;
  }

  /**
   * Whose phrase it is while bars are traded: whoever has a melody in this bar. The server does not say it, its notes do.
   * @returns {"you" | "partner" | null}
   */
  get turn() {
    const { transport, playing, now, planned, schedule } = this.performer;
    if (this.settings?.mode !== "trade" || !transport || !playing) return null;
    const bar = Math.floor(beatAt(transport, now) / transport.beats_per_bar) * transport.beats_per_bar;
    const [from, to] = [timeOf(transport, bar), timeOf(transport, bar + transport.beats_per_bar)];
    const sings = (/** @type {import("./types.js").Note[]} */ notes) => notes.some((note) => note.part === "lead" && note.at < to && note.at + note.duration > from);
    return sings(schedule.given) || sings(schedule.waiting) || sings(planned) ? "partner" : "you";
  }

  get bar() {
    const { transport, playing, now } = this.performer;
    if (!transport || !playing) return null;
    return Math.max(1, 1 + Math.floor(beatAt(transport, now) / transport.beats_per_bar));
  }

  /** Where we are, in a sentence. */
  get sentence() {
    if (!this.performer.playing) return t("duet_said_silence");
    const { current, next } = this.performer.harmony;
    return t("duet_said_where", {
      key: this.key ?? t("duet_unknown_key"),
      bpm: Math.round(this.bpm),
      bar: this.bar ?? 1,
      chord: spoken(current?.symbol ?? this.heard.chord ?? t("duet_nothing")),
      next: spoken(next[0]?.symbol ?? t("duet_nothing")),
    });
  }
}

/**
 * "f# minor" as it is read.
 * @param {string} key
 */
export function keyWords(key) {
  const [tonic = "", mode] = key.split(" ");
  const name = (tonic.slice(0, 1).toUpperCase() + tonic.slice(1)).replace("#", "♯").replace(/(?<=.)b|-/, "♭");
  return t(mode === "minor" ? "duet_key_minor" : "duet_key_major", { tonic: name });
}

/** Signs that a voice would leave out. @param {string} symbol */
function spoken(symbol) {
  return symbol.replace("#", "♯");
}
