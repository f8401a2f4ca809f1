/**
 * A scene in progress: ties the socket, the microphone, the voice and the view together.
 *
 * @typedef {import("./types.js").Persona} Persona
 * @typedef {import("./types.js").Scene} SceneRecord
 * @typedef {import("./types.js").ServerEvent} ServerEvent
 * @typedef {import("./link.js").LinkState} LinkState
 */
import * as api from "./api.js";
import { Conversation } from "./conversation.js";
import { t } from "./i18n.js";
import { Link } from "./link.js";
import { Mic, MicError } from "./mic.js";
import { MouthTrack } from "./mouth.js";
import { dismiss, dismissAll, notify, notifyDegraded, notifyEnded, notifyFailure, notifyServer } from "./notices.js";
import { Player } from "./player.js";
import { rememberScene } from "./prefs.js";
import { TalkButton } from "./talk-button.js";

/** Errors that only say that something was already over. */
const HARMLESS = new Set(["response_cancel_not_active", "item_not_found"]);

/** Ends after which the page does not come back by itself. */
const FOR_GOOD = new Set(["session_expired", "session_closed"]);

export class Scene {
  /**
   * @param {Persona} persona
   * @param {SceneRecord} record
   * @param {import("./scene-view.js").SceneView} view
   * @param {(state: LinkState) => void} onLink
   */
  constructor(persona, record, view, onLink) {
    this.persona = persona;
    this.record = record;
    this.view = view;
    this.onLink = onLink;
    this.conversation = new Conversation();
    /** @type {Map<number, {item: string, mouth: MouthTrack}>} What each turn says, by the number of the turn. */
    this.replies = new Map();
    this.connected = false;
    this.hearing = false;
    this.waiting = false;
    this.canHear = true;
    this.lost = false;
    this.closed = false;
    this.shownKey = "";
    /** The reply in progress. @type {string | null} */
    this.response = null;
    this.level = 0;
    /** @type {unknown} How the server tells turns apart when nobody holds the button. */
    this.turnDetection = { type: "semantic_vad", eagerness: "auto" };
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.player = new Player(this.context, (report) => this.played(report));
    this.mic = new Mic(this.context, {
      frame: (pcm) => this.talk.frame(pcm),
      level: (level) => this.view.setLevel("you", level),
      lost: () => this.micFailed("mic_lost"),
    });
    this.link = new Link({
      event: (event) => this.handle(event),
      audio: (frame) => this.player.push(frame),
      state: (state) => this.linkChanged(state),
      alive: () => api.health().then(() => true, () => false),
      renew: () => this.renew(),
      stopped: (reason) => notifyEnded(reason, () => void this.link.open(this.record)),
    });
    this.talk = new TalkButton({
      send: (event) => this.link.send(event),
      audio: (pcm) => this.link.sendAudio(pcm),
      interrupt: () => this.interrupt(),
      change: () => this.refresh(),
      tooShort: () => notify("hold", { level: "info", words: () => t("hold_short") }),
    });
  }

  /** Opens sound, microphone and socket. Call it from a click, or the browser keeps the sound off. */
  async open() {
    const voice = { viseme: () => this.viseme(), level: () => this.level };
    this.view.open(this.persona, this.record.language, voice);
    this.refresh();
    void this.context.resume();
    await this.player.open().catch(() => notify("audio", { level: "error", words: () => t("audio_failed") }));
    await this.link.open(this.record);
    rememberScene(this.record);
    if (this.canHear && !this.closed) await this.openMic();
  }

  /** Shows what was said in this scene before. */
  async recall() {
    const past = await api.messages(this.record).catch(() => []);
    past.forEach(({ role, content }, at) => {
      const who = role === "user" ? "you" : "persona";
      const lines = this.conversation.change(`past_${at}`, who, (line) => Object.assign(line, { text: content, final: true }));
      for (const line of lines) this.view.script.show(line, true);
    });
  }

  close() {
    this.closed = true;
    this.link.close();
    this.mic.close();
    this.view.close();
    dismissAll("part:");
    for (const cause of ["mic", "audio", "server", "link"]) dismiss(cause);
    void this.context.close();
  }

  async openMic() {
    try {
      await this.mic.open();
      dismiss("mic");
      if (this.closed) this.mic.close();
    } catch (error) {
      this.micFailed(error instanceof MicError ? error.code : "mic_busy");
    }
    this.refresh();
  }

  /** @param {"mic_denied" | "mic_missing" | "mic_busy" | "mic_insecure" | "mic_lost"} code */
  micFailed(code) {
    this.mic.close();
    notify("mic", { level: "warning", words: () => t(code) });
    this.refresh();
  }

  /** The microphone's button: opens what is closed, else mutes and unmutes. */
  async toggleMic() {
    if (this.mic.isOpen) this.mic.setMuted(!this.mic.muted);
    else {
      this.mic.setMuted(false);
      await this.openMic();
    }
    this.refresh();
  }

  /** @param {boolean} on */
  async setHoldMode(on) {
    this.talk.setMode(on, this.turnDetection);
    if (on && !this.mic.isOpen) await this.openMic();
    if (this.mic.isOpen) this.mic.setMuted(false);
    this.refresh();
  }

  /** @param {string} text */
  write(text) {
    const id = `item_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`;
    if (!this.connected) return false;
    this.interrupt();
    const item = { id, type: "message", role: "user", content: [{ type: "input_text", text }] };
    this.link.send({ type: "conversation.item.create", item });
    this.link.send({ type: "response.create" });
    this.waiting = true;
    this.showLines(this.conversation.type(id, text));
    this.refresh();
    return true;
  }

  /** Stops the persona, from the button or because something else was said. */
  interrupt() {
    if (this.waiting || this.player.busy) this.link.send({ type: "response.cancel" });
    this.silence();
    this.waiting = false;
    this.response = null;
    this.refresh();
  }

  /** Silences the loudspeaker and tells the server how much had been heard. */
  silence() {
    if (!this.player.busy) return;
    const { turn, ms } = this.player.clear();
    const reply = this.replies.get(turn);
    if (reply) this.link.send({ type: "conversation.item.truncate", item_id: reply.item, content_index: 0, audio_end_ms: ms });
  }

  /** @param {ServerEvent} event */
  handle(event) {
    this.showLines(this.conversation.apply(event));
    switch (event.type) {
      case "session.created":
        this.created(event.session);
        break;
      case "input_audio_buffer.speech_started":
        this.hearing = true;
        this.silence();
        break;
      case "input_audio_buffer.speech_stopped":
      case "input_audio_buffer.committed":
        this.hearing = false;
        this.waiting = true;
        if (event.type === "input_audio_buffer.committed") this.talk.committed();
        break;
      case "conversation.item.input_audio_transcription.completed":
        if (!event.transcript?.trim()) this.waiting = false;
        break;
      case "conversation.item.input_audio_transcription.failed":
        this.waiting = false;
        break;
      case "response.created":
        this.waiting = true;
        this.response = event.response?.id;
        break;
      case "response.output_item.added":
        if (event.item?.role === "assistant") this.replies.set(this.turnOf(event), { item: event.item.id, mouth: new MouthTrack() });
        break;
      case "duologue.viseme":
        this.replies.get(event.turn ?? 0)?.mouth.add(event.cues ?? []);
        break;
      case "response.output_audio.done":
        this.player.end(this.turnOf(event));
        break;
      case "response.done":
        this.responseDone(event);
        break;
      case "conversation.item.truncated":
        this.link.send({ type: "conversation.item.retrieve", item_id: event.item_id });
        break;
      case "duologue.latency":
        this.view.showTiming(/** @type {any} */ (event));
        break;
      case "duologue.intimacy":
        this.view.setCloseness(event.value ?? 0, event.speech_level ?? "");
        break;
      case "duologue.notice":
        notifyServer(event);
        break;
      case "duologue.ended":
        if (FOR_GOOD.has(event.code ?? "")) this.link.stop(event.code ?? "");
        break;
      case "error":
        if (event.error?.code === "input_audio_buffer_commit_empty") notify("hold", { level: "info", words: () => t("hold_short") });
        else if (!HARMLESS.has(event.error?.code)) notify(`error:${event.error?.code}`, { level: "warning", words: () => t("failed"), detail: event.error?.message });
        break;
    }
    this.refresh();
  }

  /** @param {any} session */
  created(session) {
    this.connected = true;
    this.hearing = false;
    this.waiting = false;
    this.replies.clear();
    void this.player.restart();
    notifyDegraded(session?.duologue?.degraded ?? []);
    this.canHear = !(session?.duologue?.degraded ?? []).some((/** @type {any} */ one) => one.part === "stt");
    if (typeof session?.duologue?.intimacy === "number") this.view.setCloseness(session.duologue.intimacy, "");
    if (this.talk.on) this.talk.setMode(true, null);
    else this.turnDetection = session?.audio?.input?.turn_detection ?? this.turnDetection;
  }

  /** @param {ServerEvent} event */
  turnOf(event) {
    if (typeof event.duologue?.turn === "number") return event.duologue.turn;
    for (const [turn, { item }] of this.replies) if (item === event.item_id) return turn;
    return event.turn ?? 0;
  }

  /** @param {ServerEvent} event */
  responseDone(event) {
    // A reply that was cut ends after the next one has been asked for: that one is still awaited.
    if (event.response?.id === this.response) this.waiting = false;
    const item = this.conversation.itemOf.get(event.response?.id);
    for (const [turn, reply] of this.replies) if (reply.item === item) this.player.end(turn);
    const error = event.response?.status_details?.error;
    if (event.response?.status === "failed") notify("error:response", { level: "error", words: () => t("part_llm"), detail: error?.message ?? error?.code });
    else dismiss("error:response");
  }

  /** @param {LinkState} state */
  linkChanged(state) {
    const lost = this.connected && state.name === "waiting";
    const back = this.lost && state.name === "open";
    this.connected = state.name === "open";
    if (lost) {
      this.lost = true;
      this.waiting = this.hearing = false;
      this.player.clear();
      this.talk.drop();
    }
    if (state.name === "waiting" && !this.closed) notify("link", { level: "warning", words: () => t(state.reason === "full" ? "sessions_full" : "link_waiting") });
    if (state.name === "open") dismiss("link");
    if (back) {
      this.lost = false;
      notify("link", { level: "info", words: () => t("link_back") });
    }
    this.onLink(state);
    this.refresh();
  }

  /** The server has forgotten the session: makes another one and says so in the script. */
  async renew() {
    try {
      this.record = await api.startScene(this.persona, this.record.language);
    } catch (error) {
      notifyFailure("server", error);
      throw error;
    }
    dismiss("server");
    rememberScene(this.record);
    this.showLines(this.conversation.note(t("link_new_scene")));
    return this.record;
  }

  /** @param {import("./conversation.js").Line[]} lines */
  showLines(lines) {
    for (const line of lines) {
      this.view.script.show(line);
      if (line.who !== "note" && line.text !== "" && !line.cut) this.view.caption(line);
    }
  }

  /** @param {import("./player.js").Report} report */
  played(report) {
    this.level = report.level;
    this.view.setLevel("persona", report.level);
    this.refresh();
  }

  viseme() {
    const { turn, playing } = this.player.last;
    return playing ? (this.replies.get(turn)?.mouth.at(this.player.heardMs()) ?? "rest") : "rest";
  }

  /** Brings state and controls up to date; cheap when nothing changed. */
  refresh() {
    const state = this.stateNow();
    const canInterrupt = this.player.busy || this.waiting;
    const micOn = this.mic.isOpen && !this.mic.muted;
    const key = [state, canInterrupt, micOn, this.talk.on, this.talk.holding, this.canHear].join();
    if (key === this.shownKey) return;
    this.shownKey = key;
    this.view.setState(state);
    this.view.setControls({ micOn, canInterrupt, holdMode: this.talk.on, holding: this.talk.holding, canHear: this.canHear });
  }

  /** @returns {import("./scene-view.js").SceneState} */
  stateNow() {
    if (!this.connected) return "connecting";
    if (this.player.last.playing) return "speaking";
    if (this.hearing || this.talk.holding) return "hearing";
    if (this.waiting || this.player.busy) return "thinking";
    if (this.talk.on) return "hold";
    if (!this.mic.isOpen) return "ready";
    return this.mic.muted ? "muted" : "listening";
  }
}
