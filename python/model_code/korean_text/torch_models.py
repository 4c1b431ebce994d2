"""The two trainable models: sentence embeddings and a classifier on top of the same kind of encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import BertModel


class SentenceEncoder(nn.Module):
    """Token ids to one unit vector a text: the mean of the last layer's vectors, as e5 was trained."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Unit vectors, shape (batch, hidden), for ids and mask of shape (batch, tokens)."""
        return nn.functional.normalize(mean_of_tokens(self.bert, input_ids, attention_mask), dim=1)


class TextClassifier(nn.Module):
    """Token ids to one logit a class."""

    def __init__(self, bert: BertModel, classes: int) -> None:
        super().__init__()
        self.bert = bert
        self.head = nn.Linear(bert.config.hidden_size, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, shape (batch, classes), for ids and mask of shape (batch, tokens)."""
        logits: Tensor = self.head(mean_of_tokens(self.bert, input_ids, attention_mask))
        return logits


def mean_of_tokens(bert: BertModel, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean of the last hidden states over the tokens that are no padding, shape (batch, hidden)."""
    hidden: Tensor = bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    weights = attention_mask.unsqueeze(-1).to(torch.float32)
    return (hidden.to(torch.float32) * weights).sum(1) / weights.sum(1).clamp(min=1.0)
