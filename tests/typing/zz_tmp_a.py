from public_api import container, ChatModel
container.get(3)
container.taks
container.override(ChatModel)
