/**
 * The first view: the cast, the language of the scene, and earlier scenes.
 *
 * @typedef {import("./types.js").Persona} Persona
 * @typedef {import("./types.js").Scene} Scene
 * @typedef {import("./types.js").Language} Language
 */
import * as api from "./api.js";
import { byId, make } from "./dom.js";
import { language, onLanguage, t, when } from "./i18n.js";
import { dismiss, notifyFailure } from "./notices.js";
import { drawPortrait } from "./portrait.js";
import { readLook } from "./look.js";
import { profileOf } from "./types.js";
import { reportAddress } from "./report-address.js";
import { forgetScene, load, save, scenes } from "./prefs.js";

/**
 * @typedef {object} HomeHooks
 * @property {(persona: Persona, language: Language) => Promise<void>} begin
 * @property {(scene: Scene, persona: Persona) => Promise<void>} resume
 */

export class Home {
  /** @param {HomeHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    /** @type {Persona[] | null} */
    this.personas = null;
    this.chosen = String(load("persona") ?? "");
    this.form = byId("casting", HTMLFormElement);
    this.button = byId("begin", HTMLButtonElement);
    this.form.addEventListener("change", (event) => this.changed(event));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.begin();
    });
    onLanguage(() => this.render());
  }

  /** Asks the server for the cast. */
  async refresh() {
    try {
      const { personas, active } = await api.personas();
      this.personas = personas;
      if (!personas.some(({ id }) => id === this.chosen)) this.chosen = this.firstChoice(personas, active);
      dismiss("cast");
    } catch (error) {
      notifyFailure("cast", error, () => void this.refresh());
    }
    this.render();
  }

  /**
   * Someone whose own language is that of the page, the server's active persona before others.
   * @param {Persona[]} personas
   * @param {string} active
   */
  firstChoice(personas, active) {
    const rank = (/** @type {Persona} */ persona) => 2 * Number(persona.language === language()) + Number(persona.id === active);
    return personas.toSorted((a, b) => rank(b) - rank(a))[0]?.id ?? "";
  }

  get persona() {
    return this.personas?.find(({ id }) => id === this.chosen);
  }

  render() {
    if (this.personas !== null) this.renderCards(this.personas);
    this.renderEarlier();
    this.offerLanguages();
  }

  /** @param {Persona[]} personas */
  renderCards(personas) {
    const focused = document.activeElement instanceof HTMLInputElement && document.activeElement.name === "persona";
    const cards = personas.map((persona) => this.card(persona));
    byId("cards").replaceChildren(...(cards.length > 0 ? cards : [make("p", { class: "muted" }, t("cast_empty"))]));
    this.button.disabled = !this.persona;
    if (focused) /** @type {HTMLInputElement | null} */ (byId("cards").querySelector("input:checked"))?.focus();
  }

  /** @param {Persona} persona */
  card(persona) {
    const input = make("input", { type: "radio", name: "persona", value: persona.id, checked: persona.id === this.chosen });
    const profile = profileOf(persona, language());
    const facts = [persona.age ? t("age", { age: persona.age }) : null, profile.job, persona.mbti].filter(Boolean).join(" · ");
    const picture = make("span", { class: "card-window", "aria-hidden": "true" }, drawPortrait(persona, ""));
    picture.style.setProperty("--backdrop", readLook(persona.portrait, persona.id).backdrop);
    return make("label", { class: "card", "data-persona": persona.id },
      input, picture,
      make("span", { class: "card-text", lang: profile.language },
        make("span", { class: "card-name" }, profile.name),
        make("span", { class: "card-facts" }, facts),
        make("span", { class: "card-about", lang: persona.language }, persona.description ?? ""),
        profile.greeting ? make("q", { class: "card-greeting" }, profile.greeting) : null));
  }

  /** @param {Event} event */
  changed(event) {
    if (!(event.target instanceof HTMLInputElement) || event.target.name !== "persona") return;
    this.chosen = event.target.value;
    save("persona", this.chosen);
    this.offerLanguages();
  }

  /** Only what the persona speaks can be chosen; the language of the page when it does, else its own. */
  offerLanguages() {
    const offered = this.persona ? languagesOf(this.persona) : [];
    const radios = /** @type {HTMLInputElement[]} */ ([...this.form.querySelectorAll("input[name=scene-language]")]);
    for (const radio of radios) radio.disabled = !offered.includes(/** @type {Language} */ (radio.value));
    const current = radios.find((radio) => radio.checked);
    if (current && !current.disabled && this.offeredFor === this.chosen) return;
    this.offeredFor = this.chosen;
    const wanted = offered.includes(language()) ? language() : this.persona?.language;
    for (const radio of radios) radio.checked = radio.value === wanted;
  }

  async begin() {
    const persona = this.persona;
    const picked = new FormData(this.form).get("scene-language");
    if (!persona) return;
    await this.whileBusy(() => this.hooks.begin(persona, picked === "ko" || picked === "en" ? picked : persona.language));
  }

  /** @param {() => Promise<void>} work */
  async whileBusy(work) {
    this.button.disabled = true;
    this.button.textContent = t("beginning");
    await work().finally(() => {
      this.button.disabled = false;
      this.button.textContent = t("begin");
    });
  }

  renderEarlier() {
    const kept = scenes();
    byId("earlier-none").hidden = kept.length > 0;
    byId("earlier").replaceChildren(...kept.map((scene) => this.earlierItem(scene)));
  }

  /** @param {Scene} scene */
  earlierItem(scene) {
    const values = { name: scene.personaName, when: when(scene.startedAt) };
    const persona = this.personas?.find(({ id }) => id === scene.personaId);
    const go = make("button", { type: "button", class: "plain", "aria-label": t("continue_with", values), disabled: !persona }, t("continue_scene"));
    go.addEventListener("click", () => persona && void this.whileBusy(() => this.hooks.resume(scene, persona)));
    const drop = make("button", { type: "button", class: "plain faint", "aria-label": t("delete_with", values) }, t("delete_scene"));
    drop.addEventListener("click", () => void this.remove(scene));
    return make("li", {},
      make("span", { class: "earlier-name", lang: scene.language }, scene.personaName),
      make("time", { datetime: new Date(scene.startedAt).toISOString() }, when(scene.startedAt)),
      go,
      make("a", { class: "plain", href: reportAddress(scene.id), target: "_blank", "aria-label": t("report_with", values) }, t("report")),
      drop);
  }

  /** @param {Scene} scene */
  async remove(scene) {
    try {
      await api.deleteScene(scene);
    } catch (error) {
      const gone = error instanceof api.ApiError && (error.status === 404 || error.status === 405);
      if (!gone) return notifyFailure("delete", error);
    }
    forgetScene(scene.id);
    this.renderEarlier();
  }
}

/**
 * @param {Persona} persona
 * @returns {Language[]}
 */
function languagesOf(persona) {
  return persona.languages?.length ? persona.languages : [persona.language];
}
