from openai import OpenAI

client = OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY

with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="The river is wide here.", response_format="wav") as speech:
    speech.stream_to_file("speech.wav")

with open("speech.wav", "rb") as file:
    heard = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json", timestamp_granularities=["word"])
print("heard:", heard.text, len(heard.words))

said = ""
for chunk in client.chat.completions.create(model="maya", messages=[{"role": "user", "content": "Hello! Who are you?"}], stream=True):
    said += chunk.choices[0].delta.content or "" if chunk.choices else ""
print("said:", said)

print("response:", client.responses.create(model="maya", input="What do you do for a living?").output_text)

places = client.embeddings.create(model="text-embedding-3-small", input=["A dog sleeps.", "강아지가 자고 있어요."]).data
print("embedding:", len(places), len(places[0].embedding))
