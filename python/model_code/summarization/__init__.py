"""Korean extractive summarization: the sentences of a text that stand for the rest, as they were written."""
