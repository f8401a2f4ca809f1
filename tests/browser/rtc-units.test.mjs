/** What the page does for a call by itself: descriptions that change, what is told late, and how good it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Call } from "../../static/js/rtc/call.js";
import { Gauge } from "../../static/js/rtc/figures.js";
import { fragmentOf, renewed } from "../../static/js/rtc/sdp.js";

const lines = (...all) => [...all, ""].join("\r\n");
const OURS = lines("v=0", "a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111 63", "a=ice-ufrag:abcd", "a=ice-pwd:a word that nobody guesses", "a=candidate:1 1 udp 1 192.0.2.7 5000 typ host", "a=mid:0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=ice-ufrag:abcd", "a=ice-pwd:a word that nobody guesses", "a=mid:1");
const THEIRS = lines("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:old1", "a=ice-pwd:old word", "a=candidate:9 1 udp 1 192.0.2.1 4000 typ host", "a=end-of-candidates", "a=mid:0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=ice-ufrag:old1", "a=ice-pwd:old word", "a=mid:1");

test("a fragment says under which name and where we are reached, or only what is new", () => {
  const head = ["a=ice-ufrag:abcd", "a=ice-pwd:a word that nobody guesses", "m=audio 9 UDP/TLS/RTP/SAVPF 111 63", "a=mid:0"];
  assert.equal(fragmentOf(OURS), lines(...head, "a=candidate:1 1 udp 1 192.0.2.7 5000 typ host"));
  assert.equal(fragmentOf(OURS, ["candidate:2 1 udp 1 192.0.2.8 5001 typ host"]), lines(...head, "a=candidate:2 1 udp 1 192.0.2.8 5001 typ host"));
});

test("an answer takes the peer's new name and places, and keeps all else", () => {
  const told = lines("a=ice-ufrag:new2", "a=ice-pwd:new word", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", "a=candidate:7 1 udp 1 192.0.2.1 4001 typ host");
  const answer = renewed(THEIRS, told);
  assert.equal(answer, lines("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:new2", "a=ice-pwd:new word", "a=candidate:7 1 udp 1 192.0.2.1 4001 typ host", "a=mid:0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=ice-ufrag:new2", "a=ice-pwd:new word", "a=mid:1"));
  assert.equal(renewed(THEIRS, ""), THEIRS, "what says nothing changes nothing");
});

test("loss and delay are of the last moments, and of a new connection from its start", () => {
  const gauge = new Gauge();
  const look = (received, lost, delay, emitted) => gauge.read([
    { type: "inbound-rtp", kind: "audio", packetsReceived: received, packetsLost: lost, jitter: 0.012, jitterBufferDelay: delay, jitterBufferEmittedCount: emitted },
    { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.031 },
    { type: "candidate-pair", nominated: false, state: "failed", currentRoundTripTime: 9 },
  ]);
  assert.deepEqual(look(100, 0, 4, 100), { roundTrip: 31, lost: 0, jitter: 12, delay: 40 });
  assert.deepEqual(look(195, 5, 14, 200), { roundTrip: 31, lost: 0.05, jitter: 12, delay: 100 });
  assert.deepEqual(look(195, 5, 14, 200), { roundTrip: 31, lost: null, jitter: 12, delay: null }, "nothing came");
  assert.deepEqual(look(50, 0, 1, 50), { roundTrip: 31, lost: 0, jitter: 12, delay: 20 });
  assert.deepEqual(new Gauge().read([]), { roundTrip: null, lost: null, jitter: null, delay: null });
});

/** A browser's end that is connected as soon as it knows the answer. */
class FakePeer extends EventTarget {
  iceGatheringState = "complete";
  connectionState = "new";
  channels = [];
  addTransceiver() {
    return { sender: { replaceTrack: async () => {} } };
  }
  createDataChannel() {
    const channel = Object.assign(new EventTarget(), { readyState: "connecting" });
    this.channels.push(channel);
    return channel;
  }
  async createOffer() {
    return { type: "offer", sdp: OURS };
  }
  async setLocalDescription(described) {
    this.localDescription = described;
    this.find("candidate:1 1 udp 1 192.0.2.7 5000 typ host");
  }
  async setRemoteDescription() {
    this.find("candidate:3 1 udp 1 192.0.2.7 5002 typ srflx");
    this.connectionState = "connected";
    for (const channel of this.channels) channel.readyState = "open";
  }
  find(candidate) {
    this.onicecandidate({ candidate: { candidate } });
  }
}

test("what is found while the server answers is told after the answer, once", async () => {
  const { RTCPeerConnection, fetch } = globalThis;
  const told = [];
  let call;
  const answer = (text) => ({ ok: true, text: async () => text, json: async () => ({}), headers: new Headers({ location: "/v1/realtime/calls/rtc_1" }) });
  globalThis.RTCPeerConnection = FakePeer;
  globalThis.fetch = async (path, { method, body }) => {
    if (method === "POST") call.pc.find("candidate:2 1 udp 1 192.0.2.8 5001 typ host");
    if (method === "PATCH") told.push({ path, body });
    return answer(method === "POST" ? THEIRS : "");
  };
  try {
    call = new Call({ id: "scene", secret: "secret" }, { event() {}, voice() {}, shaken() {}, over() {} });
    await call.open(null, null);
    const late = ["candidate:2 1 udp 1 192.0.2.8 5001 typ host", "candidate:3 1 udp 1 192.0.2.7 5002 typ srflx"];
    assert.deepEqual(told, [{ path: "/v1/realtime/calls/rtc_1", body: fragmentOf(OURS, late) }], "not what the offer has");
    call.pc.find("candidate:4 1 udp 1 192.0.2.9 5003 typ relay");
    assert.equal(told[1].body, fragmentOf(OURS, ["candidate:4 1 udp 1 192.0.2.9 5003 typ relay"]));
    await call.restart();
    const again = told.slice(2).map(({ body }) => body);
    assert.deepEqual(again, [fragmentOf(OURS), fragmentOf(OURS, ["candidate:3 1 udp 1 192.0.2.7 5002 typ srflx"])]);
  } finally {
    Object.assign(globalThis, { RTCPeerConnection, fetch });
  }
});
