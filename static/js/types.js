/**
 * The shapes that come over the wire, as far as the page reads them.
 *
 * @typedef {"ko" | "en"} Language
 *
 * @typedef {object} Persona
 * @property {string} id
 * @property {string} name
 * @property {string} [description]
 * @property {string | null} [mbti]
 * @property {number | null} [age]
 * @property {string | null} [job]
 * @property {Language} language
 * @property {Language[]} [languages]
 * @property {string} [greeting]
 * @property {Record<string, unknown> | null} [portrait]
 * @property {string[]} [tags]
 * @property {{language: Language, name: string, job?: string, greeting?: string}[]} [profiles] Its words in each of its languages.
 *
 * @typedef {object} Scene What the page keeps of a session: enough to come back to it.
 * @property {string} id
 * @property {string} secret
 * @property {string} personaId
 * @property {string} personaName
 * @property {Language} language
 * @property {number} startedAt
 *
 * @typedef {{part: string, reason: string}} Degraded
 *
 * @typedef {{name: string, at_ms: number}} Stage
 * @typedef {{name: string, ms: number}} ModelTime
 *
 * @typedef {object} Latency
 * @property {number} turn
 * @property {Stage[]} stages
 * @property {number} [wait_ms]
 * @property {ModelTime[]} models
 * @property {number} outside_ms
 * @property {number} total_ms
 * @property {boolean} [speculative] The reply was begun before it was clear that the person had finished.
 * @property {{target_ms?: number, step?: string}} [budget] What the session aims at, and what it does for it now.
 *
 * @typedef {object} ServerEvent Any event; which fields are there depends on `type`.
 * @property {string} type
 * @property {string} [event_id]
 * @property {string} [item_id]
 * @property {string} [response_id]
 * @property {string} [delta]
 * @property {string} [transcript]
 * @property {string} [text]
 * @property {any} [item]
 * @property {any} [response]
 * @property {any} [session]
 * @property {any} [duologue]
 * @property {any} [error]
 * @property {{at_ms: number, viseme: string}[]} [cues]
 * @property {number} [turn]
 * @property {number} [gain]
 * @property {string} [level]
 * @property {string} [code]
 * @property {string} [message]
 * @property {string} [part]
 * @property {string} [name]
 * @property {string} [call_id]
 * @property {number} [ms]
 * @property {string} [what]
 * @property {number} [value]
 * @property {string} [speech_level]
 */

/**
 * What a persona is called and says in `language`, or in its own where it does not speak that.
 * @param {Persona} persona
 * @param {Language} language
 */
export function profileOf(persona, language) {
  const { name, job, greeting } = persona;
  const found = persona.profiles?.find((profile) => profile.language === language);
  return found ?? { language: persona.language, name, job: job ?? "", greeting: greeting ?? "" };
}
