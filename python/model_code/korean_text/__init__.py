"""Korean text encoders shared by the sentiment, similarity and summarization models.

``runtime`` is all that a serving container needs (onnxruntime, tokenizers, numpy).  The other modules make
weights and need torch and transformers: ``e5_source`` and ``hub`` bring a starting model, ``vocabulary``
prunes it, ``finetuning`` trains it, ``export`` turns it into an int8 ONNX file.
"""
