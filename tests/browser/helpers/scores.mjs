/** What the coach says in a scene, for the scripted stage. */

const detail = (value, more = {}) => ({ value, measure: null, unit: "share", band: null, n: 12, coverage: 0.9, quality: 0.9, source: "face", why_not: null, evidence: [], ...more });

/** A score that has too little to go by. */
export const missing = (code, needs, has, text) => ({ value: null, why_not: { code, needs, has, text }, n: 0, coverage: 0, quality: 0 });

/**
 * A `duologue.scores` some way into a scene.
 * @param {number} at Milliseconds.
 * @param {Record<string, object>} [changes] To its details.
 * @param {object} [more] To the event.
 */
export function scores(at, changes = {}, more = {}) {
  const wave = (base, swing, phase) => Math.round(base + swing * Math.sin(at / 9000 + phase));
  const details = {
    likability: detail(wave(54, 3, 0), { source: "turns", unit: "points", n: 4, coverage: 1, evidence: [{ from_ms: at - 9000, to_ms: at - 6000, what: "remembered", value: 3, turn: 1 }] }),
    initiative: detail(wave(61, 6, 1), { source: "turns", unit: "talk_share", measure: 0.56, band: [0.15, 0.35, 0.65, 0.9], n: 5 }),
    tone: detail(wave(71, 8, 2), { source: "voice", unit: "semitones", measure: 2.9, band: [0.5, 2, 4.5, 8], n: 5 }),
    concentration: detail(wave(88, 4, 3), { unit: "share_attentive", measure: 0.91, band: [0.3, 0.85, null, null], n: 900 }),
    gaze_stability: detail(wave(70, 9, 4), { unit: "share_on_target", measure: 0.52, band: [0.2, 0.45, 0.85, 1.05], n: 900 }),
    blinking: detail(wave(34, 5, 5), { unit: "per_minute", measure: 38.1, band: [5, 10.5, 32.5, 45], n: 23, coverage: 0.93, evidence: [
      { from_ms: at - 21_800, to_ms: at - 21_590, what: "blink", value: 210 },
      { from_ms: at - 12_000, to_ms: at - 11_850, what: "blink", value: 150 },
      { from_ms: at - 3_400, to_ms: at - 3_210, what: "blink", value: 190 },
    ] }),
    posture: detail(wave(90, 2, 6), { unit: "share_head_upright", measure: 0.94, band: [0.4, 0.9, null, null] }),
    expression: detail(wave(64, 7, 7), { unit: "smiling_less_frowning", measure: 0.3, band: [-0.3, 0.15, null, null], shares: { joy: 0.31, sadness: 0.02, anger: 0, surprise: 0.06, fear: 0, disgust: 0, neutral: 0.61, contempt: 0 } }),
    total_score: detail(wave(69, 4, 0), { source: "fused", coverage: 0.88 }),
    ...changes,
  };
  const values = Object.fromEntries(Object.entries(details).map(([name, { value }]) => [name, value]));
  return { at_ms: at, turn: 2, ...values, expression: "positive", summary: "Your posture (90) stood out most; your blinking (34) has the most room to grow.", details, ...more };
}
