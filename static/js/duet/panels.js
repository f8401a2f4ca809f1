/** What stands beside the stage: dials of how it fits, players, volumes, the meter of the connection, recordings. */
import { byId, draw, make } from "../dom.js";
import { language, t } from "../i18n.js";

/** Shares from 0 to 1, and one number of bits (at most log2 12). */
const METRICS = /** @type {const} */ (["in_key", "strong_chord_tones", "groove", "density_match", "motif_reuse", "entropy_4"]);

/** The most that twelve pitch classes can differ. */
const MOST_BITS = Math.log2(12);

/** The dial's arc: three quarters of a circle, of a length of 100. */
const ARC = "M10.1 33.9A17 17 0 1 1 33.9 33.9";

export class Metrics {
  constructor() {
    /** @type {Record<string, number | null>} */
    this.values = {};
    /** @type {Map<string, {place: HTMLElement, arc: Element, text: Element, name: Element}>} */
    this.dials = new Map();
    const places = METRICS.map((metric) => {
      const arc = draw("path", { class: "arc", d: ARC, pathLength: 100 });
      const text = draw("text", { class: "value", x: 22, y: 27, "text-anchor": "middle" });
      const picture = draw("svg", { class: "metric-picture", viewBox: "0 0 44 40", "aria-hidden": "true" }, draw("path", { class: "arc-track", d: ARC, pathLength: 100 }), arc, text);
      const name = make("span", { class: "metric-name" });
      const place = make("li", { class: "metric", role: "meter", "aria-valuemin": 0, "aria-valuemax": metric === "entropy_4" ? 3.58 : 100 }, picture, name);
      this.dials.set(metric, { place, arc, text, name });
      return place;
    });
    byId("metrics").replaceChildren(...places);
  }

  /** @param {Record<string, unknown>} event */
  take(event) {
    for (const [name, value] of Object.entries(event)) if (value === null || typeof value === "number") this.values[name] = value;
    this.render();
  }

  render() {
    for (const metric of METRICS) {
      const dial = this.dials.get(metric);
      if (!dial) continue;
      const value = this.values[metric] ?? null;
      const isBits = metric === "entropy_4";
      const share = value === null ? 0 : Math.max(0, Math.min(1, isBits ? value / MOST_BITS : value));
      const shown = value === null ? "–" : isBits ? value.toFixed(1) : String(Math.round(value * 100));
      dial.arc.setAttribute("stroke-dasharray", `${(share * 100).toFixed(1)} 100`);
      dial.text.textContent = shown;
      const words = t(`duet_metric_${metric}`);
      dial.name.textContent = words;
      dial.place.setAttribute("data-empty", String(value === null));
      dial.place.setAttribute("aria-label", words);
      dial.place.setAttribute("aria-valuenow", value === null ? "0" : isBits ? value.toFixed(2) : shown);
      dial.place.setAttribute("aria-valuetext", value === null ? t("duet_metric_none") : isBits ? t("duet_metric_bits", { value: shown }) : `${shown} %`);
    }
  }
}

/** Round trips that the little line shows. */
const LINE_LENGTH = 60;

export class Meter {
  constructor() {
    /** @type {number[]} */
    this.line = [];
    this.exchanges = 0;
  }

  /**
   * @param {import("./clock.js").DuetClock} clock
   * @param {import("./sound.js").Sound} sound
   * @param {import("./schedule.js").Schedule} schedule
   * @param {number | null} planMs What the server needed for its last plan.
   */
  render(clock, sound, schedule, planMs) {
    const ms = (/** @type {number} */ value) => t("duet_meter_ms", { value: number(value) });
    if (clock.exchanges !== this.exchanges && clock.exchanges > 0) {
      this.line.push(clock.rtt / 1000);
      if (this.line.length > LINE_LENGTH) this.line.shift();
    }
    this.exchanges = clock.exchanges;
    const known = clock.isKnown;
    const rows = [
      [t("duet_meter_rtt"), known ? ms(clock.rtt / 1000) : "–"],
      [t("duet_meter_jitter"), known ? ms(clock.jitter / 1000) : "–"],
      [t("duet_meter_drift"), known ? t("duet_meter_ppm", { value: number(clock.drift * 1e6) }) : "–"],
      [t("duet_meter_output"), sound.runs ? ms(sound.latency * 1000) : "–"],
      [t("duet_meter_late"), t("duet_meter_of", { late: schedule.late, played: schedule.played })],
      [t("duet_meter_plan"), planMs === null ? "–" : ms(planMs)],
    ];
    byId("meter").replaceChildren(...rows.map(([name = "", value = ""]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    byId("meter-short").textContent = known ? ms(clock.rtt / 1000) : "";
    this.drawLine();
  }

  drawLine() {
    const most = Math.max(10, ...this.line);
    const points = this.line.map((value, index) => `${((index / Math.max(1, this.line.length - 1)) * 120).toFixed(1)},${(27 - (value / most) * 25).toFixed(1)}`);
    byId("meter-line", SVGElement).firstElementChild?.setAttribute("points", points.join(" "));
  }
}

/** @param {number} value */
function number(value) {
  const digits = Math.abs(value) < 10 ? 1 : 0;
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
}

/**
 * @param {import("./types.js").Player[]} players
 * @param {number} own
 * @param {string} partner
 */
export function renderPlayers(players, own, partner) {
  const item = (/** @type {string} */ kind, /** @type {string} */ name) => make("li", { "data-kind": kind }, make("span", { class: "player-dot", "aria-hidden": "true" }), name);
  byId("players").replaceChildren(
    item("partner", partner || t("duet_partner_name")),
    ...players.map((player) => item(player.player === own ? "own" : "other", player.player === own ? t("duet_player_you", { name: playerName(player) }) : playerName(player))));
}

/** @param {import("./types.js").Player} player */
export function playerName({ player, name }) {
  return name || t("duet_player_unnamed", { number: player + 1 });
}

/**
 * @param {import("./sound.js").Sound} sound
 * @param {(voice: import("./sound.js").Voice, volume: number) => void} changed
 */
export function renderVolumes(sound, changed) {
  const voices = /** @type {import("./sound.js").Voice[]} */ (Object.keys(sound.volumes));
  byId("volumes").replaceChildren(...voices.map((voice) => {
    const slider = make("input", { type: "range", min: 0, max: 100, value: Math.round(sound.volumes[voice] * 100), "data-voice": voice });
    slider.addEventListener("input", () => changed(voice, Number(/** @type {HTMLInputElement} */ (slider).value) / 100));
    return make("label", { class: "slider" }, make("span", { class: "slider-name", "data-voice": voice }, t(`duet_volume_${voice}`)), slider);
  }));
}

/**
 * Fetches a recording with the session's secret, which no link could carry, and hands it to the browser as a file.
 * @param {import("../types.js").Scene} scene
 * @param {"mid" | "wav"} kind
 * @returns {Promise<"saved" | "empty" | "failed">}
 */
export async function download(scene, kind) {
  try {
    const answer = await fetch(`/api/duet/${encodeURIComponent(scene.id)}/recording.${kind}`, { headers: { "x-duologue-secret": scene.secret } });
    if (answer.status === 404 || answer.status === 409) return "empty";
    if (!answer.ok) return "failed";
    const address = URL.createObjectURL(await answer.blob());
    make("a", { href: address, download: `duet.${kind}` }).click();
    // The browser reads the address after this turn of its loop; a minute is more than enough.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    return "saved";
  } catch {
    return "failed";
  }
}
