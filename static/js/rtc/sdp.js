/**
 * Session descriptions, as far as the page must read them itself: what is told later than the offer (RFC 8840). Pure.
 */

/** The type of what is told later. */
export const FRAGMENT_TYPE = "application/trickle-ice-sdpfrag";

/**
 * The value of an attribute's first line.
 * @param {string} sdp
 * @param {string} name
 */
function valueOf(sdp, name) {
  return new RegExp(`^a=${name}:(.*?)\\r?$`, "m").exec(sdp)?.[1] ?? "";
}

/** @param {string} sdp */
function candidatesOf(sdp) {
  return sdp.split(/\r?\n/).filter((line) => line.startsWith("a=candidate:"));
}

/**
 * What a peer is told after the offer: under which name we are reached, and where.
 * @param {string} sdp Our description.
 * @param {string[]} [candidates] Only these, as `candidate:…`; by default all that the description has.
 */
export function fragmentOf(sdp, candidates) {
  const lines = candidates?.map((candidate) => `a=${candidate.replace(/^a=/, "")}`) ?? candidatesOf(sdp);
  const audio = /^m=audio .*$/m.exec(sdp)?.[0].trim() ?? "m=audio 9 UDP/TLS/RTP/SAVPF 0";
  return [
    `a=ice-ufrag:${valueOf(sdp, "ice-ufrag")}`,
    `a=ice-pwd:${valueOf(sdp, "ice-pwd")}`,
    audio,
    `a=mid:${valueOf(sdp, "mid") || "0"}`,
    ...lines,
    "",
  ].join("\r\n");
}

/**
 * The peer's answer after it has told anew where it is reached: the old one with the new names and places.
 * @param {string} answer
 * @param {string} fragment
 */
export function renewed(answer, fragment) {
  const name = valueOf(fragment, "ice-ufrag");
  const word = valueOf(fragment, "ice-pwd");
  if (name === "" || word === "") return answer;
  const places = candidatesOf(fragment);
  /** @type {string[]} */
  const lines = [];
  for (const line of answer.split(/\r?\n/)) {
    if (line.startsWith("a=candidate:") || line === "a=end-of-candidates") continue;
    if (line.startsWith("a=ice-ufrag:")) lines.push(`a=ice-ufrag:${name}`);
    else if (line.startsWith("a=ice-pwd:")) lines.push(`a=ice-pwd:${word}`, ...places.splice(0));
    else lines.push(line);
  }
  return lines.join("\r\n");
}
