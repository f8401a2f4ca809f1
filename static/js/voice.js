/**
 * The persona's voice in a scene: which item sounds, how far it has come, whether it gives way; and what the
 * server is told of it.
 *
 * @typedef {import("./types.js").ServerEvent} ServerEvent
 * @typedef {"full" | "ducked" | "held"} Manner How it sounds: as it is, softly because someone else may be about to
 * speak, or not at all for as long as they do.
 *
 * @typedef {object} VoiceHooks
 * @property {(event: Record<string, unknown>) => void} send
 * @property {() => void} change Something of this has changed: level, manner, what sounds.
 */
import { MouthTrack } from "./mouth.js";
import { Player, SAMPLES_PER_MS } from "./player.js";
import { Playout } from "./playout.js";

/** The volume of a voice that gives way, unless the server says another. */
const DUCKED = 0.25;

export class Voice {
  /**
   * @param {AudioContext} context
   * @param {VoiceHooks} hooks
   */
  constructor(context, hooks) {
    this.hooks = hooks;
    this.player = new Player(context, () => this.reported());
    this.playout = new Playout((item, ms) => hooks.send({ type: "duologue.playout", item_id: item, played_ms: ms }));
    /** @type {Map<number, {item: string, mouth: MouthTrack}>} What each turn says, by the number of the turn. */
    this.replies = new Map();
    /** @type {Manner} */
    this.manner = "full";
    this.hushed = 0;
    /** The newest turn that the server has begun to answer; its frames may still be on their way. */
    this.begun = 0;
    /** Frames that have come and were not heard yet, with their numbers. @type {{number: number, turn: number, end: number}[]} */
    this.unheard = [];
  }

  open() {
    return this.player.open();
  }

  /**
   * @param {ArrayBuffer} frame
   * @param {number} number Its place among all that the server has sent.
   */
  push(frame, number) {
    const taken = this.player.push(frame);
    if (taken) this.unheard.push({ number, ...taken });
  }

  /** Another session, another count of turns. */
  restart() {
    this.replies.clear();
    this.unheard = [];
    this.begun = 0;
    this.setManner("full");
    return this.player.restart();
  }

  /**
   * The page was loaded anew: where the voice stood, and what it was saying.
   * @param {{turn: number, ms: number}} heard
   * @param {{turn: number, item: string}[]} replies
   */
  comeBack({ turn, ms }, replies) {
    for (const reply of replies) this.begin(reply.turn, reply.item);
    this.player.seek(turn, ms * SAMPLES_PER_MS);
  }

  /** The last replies, to come back to. */
  list() {
    return [...this.replies].slice(-3).map(([turn, { item }]) => ({ turn, item }));
  }

  /**
   * The number after which a page that is loaded anew has not heard everything.
   * @param {number} last The last number that has come.
   */
  unheardFrom(last) {
    return this.unheard[0] ? this.unheard[0].number - 1 : last;
  }

  /** @param {ServerEvent} event */
  handle(event) {
    const turn = this.turnOf(event);
    switch (event.type) {
      case "response.created":
        this.begun = Math.max(this.begun, event.response?.duologue?.turn ?? 0);
        break;
      case "response.output_item.added":
        if (event.item?.role === "assistant") this.begin(turn, event.item.id);
        break;
      case "duologue.viseme":
        this.replies.get(event.turn ?? 0)?.mouth.add(event.cues ?? []);
        break;
      case "response.output_audio.done":
        this.player.end(turn);
        break;
      case "duologue.duck":
        this.player.duck(turn, typeof event.gain === "number" ? event.gain : DUCKED);
        this.setManner("ducked", turn);
        break;
      case "duologue.hold":
        this.player.hold(turn);
        this.setManner("held", turn);
        break;
      case "duologue.restore":
        this.player.restore(turn);
        this.setManner("full");
        break;
      case "input_audio_buffer.speech_started":
        this.stop();
        break;
    }
  }

  /**
   * @param {number} turn
   * @param {string} item
   */
  begin(turn, item) {
    this.begun = Math.max(this.begun, turn);
    if (this.replies.get(turn)?.item !== item) this.replies.set(turn, { item, mouth: new MouthTrack() });
    if (turn > this.hushed) this.setManner("full");
  }

  /** @param {ServerEvent} event */
  turnOf(event) {
    if (typeof event.duologue?.turn === "number") return event.duologue.turn;
    for (const [turn, { item }] of this.replies) if (item === event.item_id) return turn;
    return event.turn ?? 0;
  }

  /**
   * The words of an item are over, its sound ends with what has come of it.
   * @param {string | undefined} item
   */
  endOf(item) {
    for (const [turn, reply] of this.replies) if (reply.item === item) this.player.end(turn);
  }

  /**
   * @param {Manner} manner
   * @param {number} [turn]
   */
  setManner(manner, turn = 0) {
    if (turn < this.player.floor && manner !== "full") return;
    this.manner = manner;
    this.hushed = turn;
    this.hooks.change();
  }

  /** Silence at once, for everything that was begun; the server is told how much of it had been heard. */
  stop() {
    const { busy } = this.player;
    const { turn, ms } = this.player.clear(this.begun + 1);
    this.unheard = [];
    this.setManner("full");
    const item = this.replies.get(turn)?.item;
    if (!busy || !item) return;
    this.hooks.send({ type: "duologue.playout", item_id: item, played_ms: ms });
    this.hooks.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: ms });
  }

  /** Whether something sounds, is held, or is about to. */
  get busy() {
    return this.player.busy;
  }

  get playing() {
    return this.player.last.playing;
  }

  get level() {
    return this.player.last.level;
  }

  /** The item that sounds or is held. */
  get item() {
    return this.player.busy ? (this.replies.get(this.player.last.turn)?.item ?? null) : null;
  }

  /** What has been heard, to come back to. */
  get heard() {
    return { turn: this.player.last.turn, ms: this.player.heardMs() };
  }

  viseme() {
    const { turn, playing } = this.player.last;
    return playing ? (this.replies.get(turn)?.mouth.at(this.player.heardMs()) ?? "rest") : "rest";
  }

  reported() {
    const { turn, playing, position } = this.player.last;
    while (this.unheard[0] && (this.unheard[0].turn < turn || (this.unheard[0].turn === turn && this.unheard[0].end <= position))) this.unheard.shift();
    // A turn that was stopped has been told of already.
    const item = turn >= this.player.floor ? (this.replies.get(turn)?.item ?? null) : null;
    this.playout.update(performance.now(), { item, ms: this.player.heardMs(), playing });
    this.hooks.change();
  }
}
