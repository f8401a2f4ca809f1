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
import { RemotePlayer } from "./remote-player.js";

/** The volume of a voice that gives way, unless the server says another. */
const DUCKED = 0.25;

export class Voice {
  /**
   * @param {AudioContext} context
   * @param {VoiceHooks} hooks
   */
  constructor(context, hooks) {
    this.hooks = hooks;
    this.context = context;
    this.local = new Player(context, () => this.reported());
    /** The voice of a call, from the first one on. @type {RemotePlayer | null} */
    this.remote = null;
    /** Where the voice comes from now. @type {Player | RemotePlayer} */
    this.player = this.local;
    /** The turn that each response answers. @type {Map<string, number>} */
    this.turns = new Map();
    this.playout = new Playout((item, ms) => hooks.send({ type: "duologue.playout", item_id: item, played_ms: ms }));
    /** @type {Map<number, {item: string, mouth: MouthTrack}>} What each turn says, by the number of the turn. */
    this.replies = new Map();
    /** @type {Manner} */
    this.manner = "full";
    this.hushed = 0;
    /** The newest turn that the server has begun to answer; its frames may still be on their way. */
    this.begun = 0;
    /** Whether speech ends what the voice says; where it does not, it is answered afterwards. */
    this.yields = true;
    /** Frames that have come and were not heard yet, with their numbers. @type {{number: number, turn: number, end: number}[]} */
    this.unheard = [];
  }

  open() {
    return this.local.open();
  }

  /**
   * From now on the voice comes by a call, or in frames of a socket; it goes on where it was.
   * @param {import("./line.js").Kind} kind
   */
  use(kind) {
    const from = this.player;
    if (kind === "rtc") this.remote ??= new RemotePlayer(this.context, () => this.reported());
    const to = kind === "rtc" && this.remote ? this.remote : this.local;
    if (from === to) return;
    const { turn, ms } = this.heard;
    this.remote?.detach();
    this.player = to;
    this.unheard = [];
    if (from.floor > to.floor) to.clear(from.floor);
    if (turn > 0 && turn >= from.floor) to.seek(turn, ms * SAMPLES_PER_MS);
    this.setManner("full");
  }

  /** @param {MediaStream} stream The voice of a call. */
  attach(stream) {
    this.remote?.attach(stream);
  }

  /** What the browser holds back of a call's sound. @param {number | null} ms */
  setDelay(ms) {
    if (this.remote && ms !== null) this.remote.delay = ms;
  }

  close() {
    this.remote?.close();
  }

  /**
   * @param {ArrayBuffer} frame
   * @param {number} number Its place among all that the server has sent.
   */
  push(frame, number) {
    const taken = this.local.push(frame);
    if (taken) this.unheard.push({ number, ...taken });
  }

  /** Another session, another count of turns. */
  restart() {
    this.replies.clear();
    this.turns.clear();
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
      case "session.created":
      case "session.updated":
        this.yields = event.session?.audio?.input?.turn_detection?.interrupt_response ?? true;
        break;
      case "response.created":
        this.begun = Math.max(this.begun, event.response?.duologue?.turn ?? 0);
        this.turns.set(event.response?.id, event.response?.duologue?.turn ?? 0);
        break;
      case "output_audio_buffer.started":
        this.remote?.begin(this.turns.get(event.response_id ?? "") ?? this.begun);
        break;
      case "output_audio_buffer.stopped":
      case "output_audio_buffer.cleared":
        this.remote?.finish(this.turns.get(event.response_id ?? "") ?? this.begun);
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
        if (this.yields) this.stop();
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

  /**
   * Silence at once, for everything that was begun; the server is told how much of it had been heard. In a call it knows
   * that, and is only told to stop when it was the person who wanted it.
   * @param {boolean} [wanted]
   */
  stop(wanted = false) {
    const { busy } = this.player;
    const { turn, ms } = this.player.clear(this.begun + 1);
    this.unheard = [];
    this.setManner("full");
    if (this.player === this.remote) {
      if (busy && wanted) this.hooks.send({ type: "output_audio_buffer.clear" });
      return;
    }
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
    // Of a call the server knows by the reports of the connection itself.
    if (this.player === this.local) this.playout.update(performance.now(), { item, ms: this.player.heardMs(), playing });
    this.hooks.change();
  }
}
