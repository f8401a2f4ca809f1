"""A spoken conversation with an interruption and a tool call, through the stock `openai` package.

Reads three recordings (PCM16, 24 kHz) from the command line: what is said first, what interrupts, what asks for the tool.
Prints what happened as one JSON object a line; the test that started it judges.
"""
import asyncio
import base64
import json
import sys
import time

from openai import AsyncOpenAI

FRAME = 960
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Says what the weather is like in a city now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def tell(kind, **more):
    print(json.dumps({"kind": kind, **more}), flush=True)


class Microphone:
    """Real time: what is said, and silence around it."""

    def __init__(self, connection):
        self.connection = connection
        self.pcm = b""
        self.silent = asyncio.Event()

    async def run(self):
        began, sent = time.monotonic(), 0
        while True:
            frame, self.pcm = self.pcm[:FRAME], self.pcm[FRAME:]
            if not self.pcm:
                self.silent.set()
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(frame.ljust(FRAME, b"\0")).decode())
            sent += 1
            await asyncio.sleep(max(0, began + sent * 0.02 - time.monotonic()))

    async def say(self, path):
        with open(path, "rb") as file:
            self.pcm = file.read()
        self.silent.clear()
        await self.silent.wait()


class Conversation:
    """What the events say, and what to wait for."""

    def __init__(self, connection):
        self.connection = connection
        self.response = None
        self.samples = 0
        self.done = []
        self.cut = False
        self.choosing = None  # what calls are to be chosen by once the next one was made
        self.asking = None  # the reply that called a tool: its answer is asked for when it has ended
        self.changed = asyncio.Condition()

    async def run(self):
        async for event in self.connection:
            await self.take(event)
            async with self.changed:
                self.changed.notify_all()

    async def take(self, event):
        if event.type == "response.created":
            self.response, self.samples = event.response.id, 0
        elif event.type == "response.output_audio.delta":
            self.samples += len(base64.b64decode(event.delta)) // 2
        elif event.type == "conversation.item.input_audio_transcription.completed":
            tell("heard", text=event.transcript)
        elif event.type == "response.output_audio_transcript.done":
            tell("said", text=event.transcript, response=event.response_id)
        elif event.type == "input_audio_buffer.speech_started":
            tell("speech_started", sounding=self.samples > 0 and self.response not in [done.id for done in self.done])
        elif event.type == "response.function_call_arguments.done":
            tell("call", name=event.name, arguments=event.arguments)
            if self.choosing:
                await self.connection.session.update(session={"type": "realtime", "tool_choice": self.choosing})
            output = {"type": "function_call_output", "call_id": event.call_id, "output": "It is sunny in Seoul, 21 degrees."}
            await self.connection.conversation.item.create(item=output)
            self.asking = event.response_id
        elif event.type == "response.done":
            self.done.append(event.response)
            reason = event.response.status_details.reason if event.response.status_details else None
            self.cut |= event.response.status == "cancelled"
            tell("done", status=event.response.status, reason=reason, samples=self.samples, calls=sum(item.type == "function_call" for item in event.response.output or []))
            if self.asking == event.response.id:
                await self.connection.response.create()
        elif event.type == "conversation.item.truncated":
            tell("truncated", audio_end_ms=event.audio_end_ms)
            self.cut = True
        elif event.type == "error":
            tell("error", code=event.error.code, message=event.error.message)

    async def until(self, condition):
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(condition), 180)


def spoken(conversation):
    """Whole replies in words; a call of a function is a reply of its own, and a small model makes one unasked now and then."""
    completed = (done for done in conversation.done if done.status == "completed")
    return [done for done in completed if any(item.type == "message" for item in done.output or [])]


def is_sounding(conversation):
    return conversation.samples > 24_000 and conversation.response not in [done.id for done in conversation.done]


async def main(first, interruption, question):
    async with AsyncOpenAI().realtime.connect(model="maya") as connection:
        conversation, microphone = Conversation(connection), Microphone(connection)
        tasks = [asyncio.create_task(conversation.run()), asyncio.create_task(microphone.run())]
        await connection.session.update(session={"type": "realtime", "instructions": "Answer in one short sentence.", "tools": [TOOL]})

        await microphone.say(first)
        await conversation.until(lambda: spoken(conversation))

        text = {"type": "input_text", "text": "Tell me a very long story about a river, in twenty sentences."}
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": [text]})
        story = {"tool_choice": "none", "instructions": "You are a storyteller. You tell long stories."}
        await connection.response.create(response=story)
        await conversation.until(lambda: is_sounding(conversation))
        answered = len(spoken(conversation))
        await microphone.say(interruption)
        # A reply that is still being made is cancelled; of one that only sounds, what was not heard is cut off.
        await conversation.until(lambda: conversation.cut)
        await conversation.until(lambda: len(spoken(conversation)) > answered)

        # The call does not depend on the model's mood, nor do the words that follow it.
        conversation.choosing = "none"
        await connection.session.update(session={"type": "realtime", "tool_choice": {"type": "function", "name": TOOL["name"]}})
        answered = len(spoken(conversation))
        await microphone.say(question)
        await conversation.until(lambda: len(spoken(conversation)) > answered)
        for task in tasks:
            task.cancel()


asyncio.run(main(*sys.argv[1:4]))
