/**
 * A duet: joins the socket, the partner, one's own hands, the picture and the controls.
 *
 * @typedef {import("../types.js").Scene} Scene
 * @typedef {import("./types.js").DuetEvent} DuetEvent
 */
import { byId } from "../dom.js";
import { hasWords, onLanguage, t } from "../i18n.js";
import { dismiss, dismissAll, notify } from "../notices.js";
import { Controls } from "./controls.js";
import { Hands } from "./hands.js";
import { DuetLink } from "./link.js";
import { MidiPanel } from "./midi-panel.js";
import { Meter, Metrics, playerName, renderPlayers } from "./panels.js";
import { Performer } from "./performer.js";
import { Piano } from "./piano.js";
import { Readout } from "./readout.js";
import { Roll } from "./roll.js";
import { Sound } from "./sound.js";
import { Traces } from "./traces.js";
import { noteOf } from "./types.js";

/** What the client has seen is told to the server, and shown, this often. */
const REPORT_MS = 2_000;

/** Whoever just plays is joined after so many notes: fewer may be a hand that tries the keys. */
const JOINED_AFTER = 5;

/** Other players are heard this late, so that their rhythm survives the network: the most that came late lately, within this. */
const [LEAST_DELAY_US, MOST_DELAY_US] = [5_000, 120_000];

export class Duet {
  /**
   * @param {(pitch: number) => string} hint The computer's key of a pitch.
   */
  constructor(hint) {
    this.traces = new Traces();
    this.sound = new Sound((state) => this.soundIs(state));
    this.link = new DuetLink({
      event: (event) => this.take(event),
      state: (state) => this.linkIs(state),
      refused: (reason) => this.refused(reason),
    });
    this.hands = new Hands(this.link, this.sound, this.traces);
    this.midi = new MidiPanel((bytes, at) => this.hands.midi(bytes, at), (elsewhere) => (this.sound.elsewhere = elsewhere));
    this.performer = new Performer(this.link.clock, this.sound, this.midi.ports);
    this.readout = new Readout(this.performer);
    this.controls = new Controls((changes) => void this.link.send({ type: "duet.set", ...changes }));
    this.metrics = new Metrics();
    this.meter = new Meter();
    this.roll = new Roll(byId("roll", HTMLCanvasElement));
    this.piano = new Piano(byId("piano"), {
      press: (pitch, velocity, at) => this.hands.press(pitch, velocity, at),
      release: (pitch, at) => this.hands.release(pitch, at),
      hint,
    });
    /** @type {Scene | null} */
    this.scene = null;
    this.name = "";
    this.partner = "";
    /** @type {import("./types.js").Player[]} */
    this.players = [];
    this.player = 0;
    this.delay = LEAST_DELAY_US;
    /** @type {"idle" | "connecting" | "open" | "waiting" | "closed"} */
    this.state = "idle";
    this.wasOpen = false;
    /** Whether there has been music: who has stopped it wants to play alone. */
    this.begun = false;
    /** @type {WakeLockSentinel | null} */
    this.awake = null;
    /** Called when the session cannot be joined. @type {(reason: "gone" | "full") => void} */
    this.onRefused = () => {};
    onLanguage(() => this.words());
  }

  /**
   * Begins; to be called from a gesture, for the sake of the sound.
   * @param {Scene} scene
   * @param {string} name
   */
  open(scene, name) {
    this.scene = scene;
    this.name = name;
    this.partner = scene.personaName;
    void this.sound.open();
    this.link.open(scene);
    const ticker = new Worker(new URL("../workers/ticker.js", import.meta.url));
    ticker.onmessage = () => this.performer.tick();
    const draw = () => {
      this.draw();
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
    setInterval(() => this.report(), REPORT_MS);
    void this.midi.openIfGranted();
    // A page that goes away must not leave a hardware synthesiser sounding.
    addEventListener("pagehide", () => this.silence());
    this.piano.render();
    this.words();
  }

  /** @param {DuetEvent} event */
  take(event) {
    switch (event.type) {
      case "duet.welcome": return this.welcome(event);
      case "duet.settings": return this.settle(event.settings);
      case "duet.players": return this.meet(event.players ?? []);
      case "duet.playing": return this.play(event);
      case "duet.transport": return this.performer.move(/** @type {any} */ (event));
      case "duet.notes": return this.performer.promise((event.notes ?? []).map(noteOf));
      case "duet.plan": return this.performer.plan(event.revision ?? 0, event.chords ?? [], (event.notes ?? []).map(noteOf));
      case "duet.cancel": return this.performer.cancel(event.ids ?? []);
      case "duet.off": return this.off();
      case "duet.heard": return void (this.readout.heard = { key: event.key ?? null, bpm: event.bpm ?? null, chord: event.chord ?? null });
      case "duet.played": return this.others(event.player ?? -1, event.events ?? []);
      case "duet.metrics": return this.metrics.take(/** @type {any} */ (event));
      case "duet.error": return this.failed(event);
    }
  }

  /** @param {DuetEvent} event */
  welcome(event) {
    this.player = this.hands.player = event.player ?? 0;
    this.hands.channel = event.channel ?? 0;
    this.sound.setOwn(this.hands.channel);
    this.performer.forget();
    this.performer.playing = event.playing ?? false;
    this.begun ||= this.performer.playing;
    this.performer.move(event.transport ?? null);
    this.players = event.players ?? [];
    this.settle(event.settings);
    this.words();
    if (this.name) this.link.send({ type: "duet.name", name: this.name });
  }

  /** @param {import("./types.js").Settings | undefined} settings */
  settle(settings) {
    if (!settings) return;
    // What was refused of them before is mended or given up.
    dismissAll("duet:duet_bad_");
    this.readout.settings = settings;
    this.controls.show(settings);
  }

  /** @param {import("./types.js").Player[]} players */
  meet(players) {
    const others = (/** @type {import("./types.js").Player[]} */ list) => list.filter(({ player }) => player !== this.player);
    for (const player of others(players)) if (!this.players.some((known) => known.player === player.player)) announce(t("duet_said_joined", { name: playerName(player) }));
    for (const player of others(this.players)) {
      if (players.some((left) => left.player === player.player)) continue;
      announce(t("duet_said_left", { name: playerName(player) }));
      this.traces.endAll(this.performer.now, player.player);
    }
    this.players = players;
    renderPlayers(players, this.player, this.partner);
  }

  /** @param {DuetEvent} event */
  play(event) {
    const was = this.performer.playing;
    this.performer.playing = event.playing ?? false;
    this.begun = true;
    if (was !== this.performer.playing) announce(t(this.performer.playing ? "duet_said_started" : event.ended ? "duet_said_ended" : "duet_said_stopped"));
    if (!this.performer.playing) {
      this.performer.planned = [];
      this.performer.chords = this.performer.chords.filter((chord) => chord.at_us < this.performer.now);
    }
    this.showTransport();
    void this.stayAwake();
  }

  /** A phone that lies on the music stand is not touched for minutes: while there is music its screen stays on. */
  async stayAwake() {
    if (!this.performer.playing) {
      void this.awake?.release();
      this.awake = null;
    } else if (!this.awake && !document.hidden) {
      this.awake = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    }
  }

  /** All notes off, everywhere. */
  off() {
    this.silence();
    announce(t("duet_said_panic"));
  }

  silence() {
    const now = performance.now();
    this.hands.letGo(now);
    this.performer.allOff();
    this.traces.endAll(this.performer.now);
  }

  /**
   * @param {number} player
   * @param {import("./types.js").MidiEvent[]} events
   */
  others(player, events) {
    if (player === this.player) return;
    const { now } = this.performer;
    for (const event of events) {
      const age = now - event[0];
      // Follows the latest ones quickly and forgets them slowly.
      this.delay = Math.max(LEAST_DELAY_US, Math.min(MOST_DELAY_US, age > this.delay ? age : this.delay * 0.99));
      this.traces.take(player, event);
      this.sound.take(event, this.link.clock.pageAt(event[0] + this.delay));
    }
  }

  /** @param {DuetEvent} event */
  failed({ code = "", message = "" }) {
    const key = `duet_error_${code}`;
    notify(`duet:${code}`, { level: "warning", words: () => (hasWords(key) ? t(key) : t("duet_error", { message: message || code })) });
  }

  /** @param {"connecting" | "open" | "waiting" | "closed"} state */
  linkIs(state) {
    const was = this.state;
    this.state = state;
    byId("link").dataset.state = state;
    byId("link-words").textContent = t(`link_${state}`);
    if (state === "open") {
      dismiss("link");
      if (this.wasOpen) notify("link", { level: "info", words: () => t("duet_link_back") });
      this.wasOpen = true;
    } else if (was === "open") {
      // Nothing may hang: what sounds here ends here, and the server does the same on its side.
      this.silence();
      this.performer.forget();
      this.showTransport();
      if (state === "waiting") notify("link", { level: "warning", words: () => t("duet_link_lost") });
    }
  }

  /** @param {"gone" | "full"} reason */
  refused(reason) {
    this.silence();
    this.onRefused(reason);
  }

  /** @param {import("./sound.js").SoundState} state */
  soundIs(state) {
    dismiss("sound");
    if (state === "ready" || state === "off") return;
    const key = /** @type {const} */ ({ loading: "duet_font_loading", font_missing: "duet_font_missing", synth_failed: "duet_synth_failed", sound_failed: "duet_sound_failed" })[state];
    // Four megabytes are there in a moment on most networks: only a longer wait is worth a word.
    if (state === "loading") return void setTimeout(() => this.sound.state === "loading" && notify("sound", { level: "info", stays: true, words: () => t(key) }), 1_500);
    notify("sound", { level: "warning", words: () => t(key) });
  }

  /** Everything that has words, in the language of the moment. */
  words() {
    byId("talk").hidden = !this.scene?.personaId;
    byId("talk").textContent = t("duet_talk", { name: this.partner });
    byId("link-words").textContent = t(`link_${this.state}`);
    this.readout.refresh();
    this.metrics.render();
    renderPlayers(this.players, this.player, this.partner);
    this.showTransport();
    this.showMeter();
  }

  showTransport() {
    byId("start").hidden = this.performer.playing;
    byId("end").hidden = !this.performer.playing;
    document.body.dataset.playing = String(this.performer.playing);
  }

  showMeter() {
    this.meter.render(this.link.clock, this.sound, this.performer.schedule, this.metrics.values["plan_ms"] ?? null);
  }

  report() {
    this.showMeter();
    const { schedule } = this.performer;
    const { clock } = this.link;
    if (clock.isKnown) this.link.send({ type: "duet.report", late: schedule.late, played: schedule.played, rtt_us: Math.round(clock.rtt), jitter_us: Math.round(clock.jitter) });
  }

  draw() {
    const { performer, traces } = this;
    const { now } = performer;
    if (!this.begun && this.hands.count >= JOINED_AFTER) this.begun = this.link.send({ type: "duet.start" });
    traces.forget(now);
    const { current } = performer.harmony;
    this.readout.draw();
    this.piano.show({
      own: traces.held((player) => player === this.player),
      others: traces.held((player) => player !== this.player),
      partner: performer.sounding,
      chord: new Set(current ? tonesOf(current) : []),
      root: current?.root ?? null,
    });
    this.roll.draw({
      now, transport: performer.playing ? performer.transport : null, promised: [...performer.schedule.given, ...performer.schedule.waiting],
      planned: performer.planned, chords: performer.chords, traces: traces.notes, player: this.player,
    }, this.piano.layout);
  }
}

/** Chord tones above the root, by the qualities that the server names. @type {Record<string, number[]>} */
const TONES = {
  maj: [0, 4, 7], min: [0, 3, 7], dim: [0, 3, 6], aug: [0, 4, 8], sus: [0, 5, 7], other: [0],
  7: [0, 4, 7, 10], maj7: [0, 4, 7, 11], min7: [0, 3, 7, 10], hdim7: [0, 3, 6, 10], dim7: [0, 3, 6, 9],
};

/**
 * The pitch classes of a chord.
 * @param {{root: number, quality: string}} chord
 */
export function tonesOf({ root, quality }) {
  return (TONES[quality] ?? [0]).map((step) => (root + step) % 12);
}

/** @param {string} words */
export function announce(words) {
  byId("announcer").textContent = words;
}
