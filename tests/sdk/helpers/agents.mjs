/**
 * What a small model would else decide by its mood, decided through what `@openai/agents` offers for that. Both run in Node
 * and in a page, to which they are handed as they stand; so neither uses anything from outside.
 */

/** Asks for something long, in words, whatever the agent's instructions are. */
export function askForStory(session) {
  session.transport.sendMessage("Tell me a very long story about a river, in twenty sentences.", {}, { triggerResponse: false });
  session.transport.requestResponse({ tool_choice: "none", instructions: "You are a storyteller. You tell long stories." });
}

/** From now on the weather is looked up, and what was found is put into words. */
export function insist(session) {
  const choose = (choice) => session.transport.sendEvent({ type: "session.update", session: { type: "realtime", tool_choice: choice } });
  choose({ type: "function", name: "get_weather" });
  // Before the tool's answer is sent, so that it holds for what is said to it.
  session.on("agent_tool_start", () => choose("none"));
}
