"""Asks a persona with a recording, and writes its reply: python realtime.py question.pcm reply.wav"""
import asyncio, base64, sys, wave
from openai import AsyncOpenAI

FRAME = 960  # bytes: 20 ms of PCM16 at 24 kHz


async def speak(connection, pcm):
    for at in range(0, len(pcm), FRAME):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + FRAME]).decode())
        await asyncio.sleep(0.02)


async def main(question, reply):
    with open(question, "rb") as file:
        pcm = file.read() + bytes(48_000 * 5)  # a person who has spoken falls silent
    with wave.open(reply, "wb") as out:
        out.setparams((1, 2, 24_000, 0, "NONE", ""))
        async with AsyncOpenAI().realtime.connect(model="maya") as connection:
            speaking = asyncio.create_task(speak(connection, pcm))
            async for event in connection:
                if event.type == "conversation.item.input_audio_transcription.completed":
                    print("heard:", event.transcript)
                elif event.type == "response.output_audio.delta":
                    out.writeframes(base64.b64decode(event.delta))
                elif event.type == "response.output_audio_transcript.done":
                    print("said:", event.transcript)
                elif event.type == "response.done":
                    break
            speaking.cancel()


asyncio.run(main(*sys.argv[1:3]))
