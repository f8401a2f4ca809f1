/**
 * The other end of a call, for tests of the page alone: a tab of its own answers what the page offers, speaks a tone in
 * place of a voice, and says what the test says.
 */
import { chromium } from "playwright-core";
import { CHROMIUM } from "./browser.mjs";

/** @param {import("node:test").TestContext} test */
export async function openPeer(test) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection"] });
  test.after(() => browser.close());
  const page = await browser.newPage();
  const said = [];
  await page.exposeFunction("hear", (text) => said.push({ at: performance.now(), ...JSON.parse(text) }));
  await page.evaluate(behave);
  let number = 0;
  let calls = 0;
  const peer = {
    /** Every JSON event of the page so far. */
    said,
    of: (type) => said.filter((event) => event.type === type),
    /** What was asked for in the address of each call. */
    asked: [],
    /** What becomes of the next calls: `answer`, `refuse`, `deaf` (an answer that leads nowhere). */
    manner: "answer",
    /** How often the way was looked for anew. */
    restarts: 0,
    /** As `POST /v1/realtime/calls` does. */
    async call(url, sdp) {
      peer.asked.push(Object.fromEntries(url.searchParams));
      if (peer.manner === "refuse") return { status: 500, type: "application/json", body: JSON.stringify({ error: { code: "internal", message: "not today" } }) };
      if (peer.manner === "off") return { status: 404, type: "application/json", body: JSON.stringify({ error: { code: "rtc_off", message: "WebRTC is off" } }) };
      const body = await page.evaluate(([offer, deaf]) => window.answer(offer, deaf), [sdp, peer.manner === "deaf"]);
      calls += 1;
      return { status: 201, type: "application/sdp", location: `/v1/realtime/calls/call_${calls}`, body };
    },
    /** As `PATCH` does. */
    async patch(fragment) {
      const body = await page.evaluate((one) => window.patch(one), fragment);
      if (body) peer.restarts += 1;
      return { status: body ? 200 : 204, type: "application/trickle-ice-sdpfrag", body };
    },
    /** Sends an event under the next number. */
    async say(type, more = {}) {
      number += 1;
      await page.evaluate((text) => window.say(text), JSON.stringify({ type, event_id: `event_${number}`, ...more }));
    },
    from: (at) => (number = at - 1),
    async greet(session = {}) {
      await page.evaluate(() => window.opened());
      await peer.say("session.created", { session: { audio: { input: { turn_detection: { type: "semantic_vad", eagerness: "auto" } } }, duologue: { degraded: [] }, ...session } });
      await peer.say("conversation.created", {});
    },
    /** Begins to answer, aloud. */
    async reply(turn, words) {
      const [response, item] = [`resp_${turn}`, `item_${turn}`];
      await peer.say("response.created", { response: { id: response, duologue: { turn } } });
      await peer.say("response.output_item.added", { response_id: response, item: { id: item, type: "message", role: "assistant", content: [] }, duologue: { turn } });
      await peer.say("response.output_audio_transcript.delta", { response_id: response, item_id: item, delta: words });
      await peer.say("output_audio_buffer.started", { response_id: response });
      await peer.loud(0.5);
      return { response, item };
    },
    /** How loud the tone is. */
    loud: (gain) => page.evaluate((value) => window.loud(value), gain),
    /** How loud the page's microphone arrives, 0 to 1. */
    hears: () => page.evaluate(() => window.hears()),
    /** Frames of the fast channel so far. */
    fast: () => page.evaluate(() => window.fastFrames),
    /** As a server does that ends. */
    close: () => page.evaluate(() => window.pc.close()),
    opened: () => page.evaluate(() => window.opened()),
    connections: () => page.evaluate(() => window.made),
  };
  return peer;
}

/** Runs in the peer's tab. */
function behave() {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 400 });
  const gain = new GainNode(context, { gain: 0 });
  const meter = new AnalyserNode(context);
  tone.connect(gain);
  tone.start();
  window.made = 0;
  window.fastFrames = 0;
  const complete = (pc) => new Promise((resolve) => {
    if (pc.iceGatheringState === "complete") return resolve();
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && resolve();
    setTimeout(resolve, 1000);
  });
  window.answer = async (offer, deaf) => {
    window.pc?.close();
    const pc = new RTCPeerConnection();
    window.pc = pc;
    window.made += 1;
    window.events = new Promise((resolve) => {
      pc.ondatachannel = ({ channel }) => {
        if (channel.label === "oai-events") {
          channel.onmessage = ({ data }) => window.hear(data);
          const tell = () => resolve(channel);
          if (channel.readyState === "open") tell();
          else channel.onopen = tell;
        } else channel.onmessage = () => (window.fastFrames += 1);
      };
    });
    pc.ontrack = ({ track }) => {
      const stream = new MediaStream([track]);
      const sink = new Audio();
      Object.assign(sink, { muted: true, srcObject: stream });
      void sink.play();
      context.createMediaStreamSource(stream).connect(meter);
    };
    await pc.setRemoteDescription({ type: "offer", sdp: offer });
    const out = context.createMediaStreamDestination();
    gain.connect(out);
    const [transceiver] = pc.getTransceivers();
    transceiver.direction = "sendrecv";
    await transceiver.sender.replaceTrack(out.stream.getAudioTracks()[0]);
    await pc.setLocalDescription(await pc.createAnswer());
    await complete(pc);
    const { sdp } = pc.localDescription;
    return deaf ? sdp.replace(/^a=candidate:.*\r\n/gm, "").replace(/a=ice-pwd:.*/g, "a=ice-pwd:nobodyknowsthiswordnobodyknows") : sdp;
  };
  window.patch = async (fragment) => {
    const { pc } = window;
    const ufrag = /a=ice-ufrag:(.*?)\r?\n/.exec(fragment)?.[1];
    const [, known] = /a=ice-ufrag:(.*?)\r?\n/.exec(pc.remoteDescription.sdp);
    if (ufrag === known) {
      for (const line of fragment.split(/\r?\n/)) if (line.startsWith("a=candidate:")) await pc.addIceCandidate({ candidate: line.slice(2), sdpMid: "0" });
      return "";
    }
    const pwd = /a=ice-pwd:(.*?)\r?\n/.exec(fragment)[1];
    const places = fragment.split(/\r?\n/).filter((line) => line.startsWith("a=candidate:"));
    const offer = pc.remoteDescription.sdp.replace(/^a=candidate:.*\r\n/gm, "").replace(/a=ice-ufrag:.*/g, `a=ice-ufrag:${ufrag}`).replace(/a=ice-pwd:.*/g, `a=ice-pwd:${pwd}`);
    await pc.setRemoteDescription({ type: "offer", sdp: offer });
    await pc.setLocalDescription(await pc.createAnswer());
    await complete(pc);
    for (const line of places) await pc.addIceCandidate({ candidate: line.slice(2), sdpMid: "0" });
    return pc.localDescription.sdp.split(/\r?\n/).filter((line) => /^a=(ice-ufrag|ice-pwd|candidate):/.test(line)).join("\r\n") + "\r\n";
  };
  window.opened = async () => void (await window.events);
  window.say = async (text) => (await window.events).send(text);
  window.loud = (value) => (gain.gain.value = value);
  window.hears = () => {
    const samples = new Float32Array(meter.fftSize);
    meter.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
  };
}
