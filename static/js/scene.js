/**
 * A scene in progress: ties the socket, the microphone, the voice and the view together.
 *
 * @typedef {import("./types.js").Persona} Persona
 * @typedef {import("./types.js").Scene} SceneRecord
 * @typedef {import("./types.js").ServerEvent} ServerEvent
 * @typedef {import("./link.js").LinkState} LinkState
 * @typedef {import("./prefs.js").Live} Live
 */
import * as api from "./api.js";
import { Conversation } from "./conversation.js";
import { t } from "./i18n.js";
import { Line } from "./line.js";
import { Mic, MicError } from "./mic.js";
import { dismiss, dismissAll, notify, notifyDegraded, notifyEnded, notifyFailure, notifyServer } from "./notices.js";
import { load, rememberScene, save, saveLive } from "./prefs.js";
import { unlock } from "./sound.js";
import { TalkButton } from "./talk-button.js";
import { Voice } from "./voice.js";

/** Errors that only say that something was already over. */
const HARMLESS = new Set(["response_cancel_not_active", "item_not_found", "resume_gap"]);

/** Ends after which the page does not come back by itself. */
const FOR_GOOD = new Set(["session_expired", "session_closed"]);

/** A connection that is back within this needs no banner: the state in words is enough. */
const QUIET_LOSS_MS = 4_000;

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
    this.connected = false;
    this.hearing = false;
    this.waiting = false;
    this.canHear = true;
    /** Between the loss of a connection and the next one. */
    this.lost = false;
    /** Whether something may have been said that this page does not know. */
    this.missed = false;
    this.closed = false;
    /** @type {LinkState["name"]} */
    this.linkName = "idle";
    this.shownKey = "";
    /** The reply in progress. @type {string | null} */
    this.response = null;
    /** @type {unknown} How the server tells turns apart when nobody holds the button. */
    this.turnDetection = { type: "semantic_vad", eagerness: "auto" };
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.voice = new Voice(this.context, {
      send: (event) => this.link.send(event),
      change: () => this.voiceChanged(),
    });
    this.mic = new Mic(this.context, {
      frame: (pcm) => this.talk.frame(pcm),
      level: (level) => this.view.setLevel("you", level),
      lost: () => this.micFailed("mic_lost"),
    });
    this.link = new Line({
      event: (event) => this.handle(event),
      kind: (kind, why, detail) => this.lineChanged(kind, why, detail),
      voice: (stream) => this.voice.attach(stream),
      figures: (figures) => {
        this.voice.setDelay(figures.delay);
        this.view.line.setFigures(figures);
      },
      audio: (frame, number) => this.voice.push(frame, number),
      state: (state) => this.linkChanged(state),
      alive: () => api.health().then(() => true, () => false),
      stopped: (reason) => this.ended(reason),
      lost: (reason) => this.notResumed(reason),
    }, load("rtc") !== false);
    this.talk = new TalkButton({
      send: (event) => this.link.send(event),
      audio: (pcm) => this.link.sendAudio(pcm),
      interrupt: () => this.interrupt(),
      change: () => this.refresh(),
      tooShort: () => notify("hold", { level: "info", words: () => t("hold_short") }),
    });
  }

  /**
   * Opens sound, microphone and socket. Call it from a click, or the browser keeps the sound off until there is one.
   * @param {{again?: boolean, live?: Live | null}} [options] `again`: it was played before; `live`: in this tab.
   */
  async open({ again = false, live = null } = {}) {
    const mouth = { viseme: () => this.voice.viseme(), level: () => this.voice.level };
    this.view.open(this.persona, this.record.language, mouth);
    this.view.mirror.open(this.record, { send: (event) => this.link.send(event), frame: (frame) => this.link.sendFrame(frame) });
    this.refresh();
    unlock(this.context);
    saveLive({ scene: this.record });
    if (live?.script) this.showLines(this.conversation.restore(live.script), true);
    else if (again) await this.recall();
    await this.voice.open().catch(() => notify("audio", { level: "error", words: () => t("audio_failed") }));
    this.missed = live !== null;
    if (live?.heard) this.voice.comeBack(live.heard, live.replies ?? []);
    await this.link.open(this.record, live?.resume ?? null);
    rememberScene(this.record);
    if (this.canHear && !this.closed) await this.openMic();
  }

  /** Shows what was said in this scene before. */
  async recall() {
    const past = await api.messages(this.record).catch(() => []);
    this.showLines(this.conversation.recall(past), true);
  }

  /** Leaves the scene for good. */
  close() {
    saveLive(null);
    this.closed = true;
    this.link.close();
    this.mic.close();
    this.voice.close();
    this.view.mirror.close();
    this.view.close();
    dismissAll("part:");
    for (const cause of ["mic", "audio", "sound", "server", "link", "line", "recovering"]) dismiss(cause);
    void this.context.close();
  }

  /** The page goes: what is needed to go on with the scene after a reload stays in the tab. */
  suspend() {
    if (this.closed || this.link.last === null) return;
    const resume = { last: this.link.last, from: this.voice.unheardFrom(this.link.last) };
    saveLive({ scene: this.record, resume, heard: this.voice.heard, replies: this.voice.list(), script: this.conversation.snapshot() });
  }

  async openMic() {
    try {
      await this.mic.open();
      dismiss("mic");
      if (this.closed) this.mic.close();
      this.connectMic();
    } catch (error) {
      this.micFailed(error instanceof MicError ? error.code : "mic_busy");
    }
    this.refresh();
  }

  /** @param {"mic_denied" | "mic_missing" | "mic_busy" | "mic_insecure" | "mic_lost"} code */
  micFailed(code) {
    this.mic.close();
    this.connectMic();
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

  /** A call takes the microphone itself; while a button is held, exactly what was said meanwhile is sent instead. */
  connectMic() {
    this.link.microphone(this.talk.on ? null : this.mic.track);
  }

  /**
   * Whether to talk over WebRTC where that is possible; remembered.
   * @param {boolean} wanted
   */
  async setCall(wanted) {
    save("rtc", wanted);
    await this.link.choose(wanted);
  }

  /** @param {boolean} on */
  async setHoldMode(on) {
    this.talk.setMode(on, this.turnDetection);
    this.connectMic();
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
    if (this.waiting || this.voice.busy) this.link.send({ type: "response.cancel" });
    this.voice.stop(true);
    this.waiting = false;
    this.response = null;
    this.refresh();
  }

  /** @param {ServerEvent} event */
  handle(event) {
    this.showLines(this.conversation.apply(event));
    this.voice.handle(event);
    this.view.mirror.handle(event);
    switch (event.type) {
      case "session.created":
        this.created(event.session);
        break;
      case "input_audio_buffer.speech_started":
        this.hearing = true;
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

  /**
   * The server begins to tell of the session from the start: it is new here, or what was missed is not known any more.
   * @param {any} session
   */
  created(session) {
    this.hearing = false;
    this.waiting = false;
    this.showLines(this.conversation.breakOff());
    if (this.link.renumbered) void this.voice.restart();
    if (this.missed) void this.recall();
    this.missed = false;
    notifyDegraded(session?.duologue?.degraded ?? []);
    this.canHear = !(session?.duologue?.degraded ?? []).some((/** @type {any} */ one) => one.part === "stt");
    if (typeof session?.duologue?.intimacy === "number") this.view.setCloseness(session.duologue.intimacy, "");
    if (this.talk.on) this.talk.setMode(true, null);
    else this.turnDetection = session?.audio?.input?.turn_detection ?? this.turnDetection;
  }

  /** @param {ServerEvent} event */
  responseDone(event) {
    // A reply that was cut ends after the next one has been asked for: that one is still awaited.
    if (event.response?.id === this.response) this.waiting = false;
    this.voice.endOf(this.conversation.itemOf.get(event.response?.id));
    const error = event.response?.status_details?.error;
    if (event.response?.status === "failed") notify("error:response", { level: "error", words: () => t("part_llm"), detail: error?.message ?? error?.code });
    else dismiss("error:response");
    if (event.response?.status === "completed") dismiss("part:llm");
  }

  /**
   * Another way of being connected: the voice comes from elsewhere, and why it is no call is said.
   * @param {import("./line.js").Kind} kind
   * @param {import("./line.js").Why | null} why
   * @param {string} detail In the server's words.
   */
  lineChanged(kind, why, detail) {
    this.voice.use(kind);
    this.connectMic();
    this.view.line.setKind(kind, why, detail);
    if (why !== null && why !== "chosen") notify("line", { level: "info", words: () => t(`line_why_${why}`), detail });
    else dismiss("line");
  }

  /** @param {LinkState} state */
  linkChanged(state) {
    if (this.connected && state.name === "waiting") {
      // The voice plays on with what has come: with luck nobody notices.
      this.lost = true;
      this.missed = true;
      this.talk.drop();
    }
    this.connected = state.name === "open";
    this.linkName = state.name;
    if (state.name === "waiting" && !this.closed && (!this.lost || (state.lostFor ?? 0) > QUIET_LOSS_MS)) {
      notify("link", { level: "info", stays: true, words: () => t(state.reason === "full" ? "sessions_full" : "link_waiting") });
    }
    if (state.name === "open") {
      dismiss("link");
      if (this.lost && !state.resumed) notify("link", { level: "info", words: () => t("link_back") });
      this.lost = false;
    }
    this.onLink(state);
    this.refresh();
  }

  /** @param {string} reason */
  ended(reason) {
    this.voice.stop();
    saveLive(null);
    notifyEnded(reason, () => void this.link.open(this.record));
  }

  /** @param {"gone" | "unreachable"} reason */
  notResumed(reason) {
    this.voice.stop();
    this.lost = this.waiting = this.hearing = false;
    this.showLines(this.conversation.breakOff());
    const anew = { key: /** @type {const} */ ("begin_new"), run: () => void this.renew() };
    const again = { key: /** @type {const} */ ("retry"), run: () => void this.link.open(this.record) };
    notify("link", {
      level: "warning",
      words: () => t(reason === "gone" ? "link_gone" : "link_unreachable"),
      actions: reason === "gone" ? [anew] : [again, anew],
    });
    this.refresh();
  }

  /** The server has forgotten the session: makes another one and says so in the script. */
  async renew() {
    try {
      this.record = await api.startScene(this.persona, this.record.language);
    } catch (error) {
      return notifyFailure("server", error, () => void this.renew());
    }
    dismiss("server");
    rememberScene(this.record);
    saveLive({ scene: this.record });
    this.showLines(this.conversation.note(t("link_new_scene")));
    await this.link.open(this.record);
  }

  /**
   * @param {import("./conversation.js").Line[]} lines
   * @param {boolean} [old] Lines of the past are not announced.
   */
  showLines(lines, old = false) {
    for (const line of lines) {
      this.view.script.show(line, old);
      if (!old && line.who !== "note" && line.text !== "" && !line.cut) this.view.caption(line);
    }
  }

  voiceChanged() {
    this.view.setLevel("persona", this.voice.level);
    this.view.setManner(this.voice.manner, this.voice.item);
    this.refresh();
  }

  /** Brings state and controls up to date; cheap when nothing changed. */
  refresh() {
    const state = this.stateNow();
    const canInterrupt = this.voice.busy || this.waiting;
    const micOn = this.mic.isOpen && !this.mic.muted;
    const key = [state, canInterrupt, micOn, this.talk.on, this.talk.holding, this.canHear].join();
    if (key === this.shownKey) return;
    this.shownKey = key;
    this.view.setState(state);
    this.view.setControls({ micOn, canInterrupt, holdMode: this.talk.on, holding: this.talk.holding, canHear: this.canHear });
  }

  /** @returns {import("./scene-view.js").SceneState} */
  stateNow() {
    if (this.linkName === "closed") return "offline";
    if (!this.connected) return this.lost ? "reconnecting" : "connecting";
    if (this.voice.manner === "held") return "held";
    if (this.voice.playing) return "speaking";
    if (this.hearing || this.talk.holding) return "hearing";
    if (this.waiting || this.voice.busy) return "thinking";
    if (this.talk.on) return "hold";
    if (!this.mic.isOpen) return "ready";
    return this.mic.muted ? "muted" : "listening";
  }
}
