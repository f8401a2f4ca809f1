/**
 * The words about how a scene is connected, in Korean.
 * @type {Record<keyof typeof import("./line-en.js").lineEn, string>}
 */
export const lineKo = {
  line: "연결",
  line_rtc: "WebRTC",
  line_socket: "WebSocket",
  line_round_trip: "왕복 {ms}밀리초",
  line_lost: "손실 {percent}%",
  line_jitter: "흔들림 {ms}밀리초",
  line_why_off: "이 서버에서는 WebRTC가 꺼져 있어요. 웹소켓으로 연결했어요.",
  line_why_unsupported: "이 브라우저에는 WebRTC가 없어요. 웹소켓으로 연결했어요.",
  line_why_signalling: "서버가 WebRTC 통화를 받지 않았어요. 웹소켓으로 연결했어요.",
  line_why_ice: "WebRTC 통화를 이을 길을 찾지 못했어요. 방화벽 때문일 수 있어요. 웹소켓으로 연결했어요.",
  line_why_lost: "WebRTC 통화가 끊겼어요. 장면은 웹소켓으로 이어져요.",
  line_why_chosen: "메뉴에서 이렇게 골랐어요.",
  call: "WebRTC 통화",
  call_help: "네트워크가 흔들려도 소리가 이어져요. 끄면 웹소켓을 써요",
};
