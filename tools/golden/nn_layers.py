"""Writes tests/goldens/nn/{recurrent,transformer,embedding}.{json,safetensors}: layers whose calls are code in the tests.

Run: python tools/golden/nn_layers.py   (torch 2.13.0)
"""

import torch
from layer_golden import LayerGolden
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def randn(*shape):
    return torch.randn(*shape, generator=draws)


def causal(size):
    return nn.Transformer.generate_square_subsequent_mask(size)


draws = torch.Generator().manual_seed(3)

# ---- recurrent layers
golden = LayerGolden("recurrent")
x = randn(5, 2, 3)  # [seq, batch, input]
golden.layer("rnn", lambda: nn.RNN(3, 4), [x])
golden.layer("rnn_relu", lambda: nn.RNN(3, 4, num_layers=2, nonlinearity="relu", bias=False), [x])
golden.layer("rnn_unbatched", lambda: nn.RNN(3, 4, bidirectional=True), [x[:, 0], randn(2, 4)])
golden.layer("lstm", lambda: nn.LSTM(3, 4), [x])
golden.layer("lstm_deep", lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True), [x])
golden.layer("lstm_dropout", lambda: nn.LSTM(3, 4, num_layers=3, dropout=0.4), [x])
golden.layer("lstm_projected", lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2, batch_first=True),
            [x, randn(4, 5, 2), randn(4, 5, 4)], lambda layer, x, h, c: layer(x, (h, c)))
golden.layer("lstm_unbatched", lambda: nn.LSTM(3, 4, bias=False, batch_first=True), [x[:, 0], randn(1, 4), randn(1, 4)],
            lambda layer, x, h, c: layer(x, (h, c)))
golden.layer("gru", lambda: nn.GRU(3, 4, batch_first=True), [x, randn(1, 5, 4)])
golden.layer("gru_dropout", lambda: nn.GRU(3, 4, num_layers=2, dropout=0.4, bidirectional=True), [x])


def packed(lengths, **options):
    def call(layer, x, *states):
        packed = pack_padded_sequence(x, lengths, batch_first=layer.batch_first, **options)
        output, last = layer(packed, *([states if len(states) > 1 else states[0]] if states else []))
        return *pad_packed_sequence(output, batch_first=layer.batch_first, padding_value=-1.0), last

    return call


x = randn(4, 3, 3)
golden.layer("packed_lstm", lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True), [x], packed([4, 2, 1]))
golden.layer("packed_lstm_states", lambda: nn.LSTM(3, 4), [x, randn(1, 3, 4), randn(1, 3, 4)],
            packed([1, 4, 2], enforce_sorted=False))
golden.layer("packed_gru", lambda: nn.GRU(3, 4, batch_first=True), [randn(3, 4, 3), randn(1, 3, 4)],
            packed([2, 4, 3], enforce_sorted=False))
golden.layer("packed_rnn_dropout", lambda: nn.RNN(3, 4, num_layers=2, dropout=0.4), [x], packed([4, 4, 3]))

x = randn(2, 3)  # [batch, input]
golden.layer("rnn_cell", lambda: nn.RNNCell(3, 4), [x, randn(2, 4)])
golden.layer("rnn_cell_relu", lambda: nn.RNNCell(3, 4, bias=False, nonlinearity="relu"), [x[0]])
golden.layer("lstm_cell", lambda: nn.LSTMCell(3, 4), [x, randn(2, 4), randn(2, 4)],
            lambda layer, x, h, c: layer(x, (h, c)))
golden.layer("lstm_cell_unbatched", lambda: nn.LSTMCell(3, 4, bias=False), [x[0]])
golden.layer("gru_cell", lambda: nn.GRUCell(3, 4), [x])
golden.layer("gru_cell_unbatched", lambda: nn.GRUCell(3, 4), [x[0], randn(4)])
golden.write()

# ---- attention
golden = LayerGolden("transformer")
x, memory = randn(4, 2, 6), randn(5, 2, 6)  # [seq, batch, embed]
golden.layer("attention", lambda: nn.MultiheadAttention(6, 2), [x], lambda layer, x: layer(x, x, x))
golden.layer("attention_cross", lambda: nn.MultiheadAttention(6, 2, bias=False), [x, memory],
            lambda layer, x, y: layer(x, y, y, average_attn_weights=False))
golden.layer("attention_sizes", lambda: nn.MultiheadAttention(6, 3, kdim=3, vdim=2, add_bias_kv=True, add_zero_attn=True),
            [x, randn(5, 2, 3), randn(5, 2, 2), randn(4, 5), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])],
            lambda layer, q, k, v, mask, padding: layer(q, k, v, attn_mask=mask, key_padding_mask=padding))
golden.layer("attention_batch_first", lambda: nn.MultiheadAttention(6, 2, batch_first=True, add_zero_attn=True),
            [randn(2, 4, 6), randn(2, 5, 6), randn(2, 5, 6), torch.rand(4, 4, 5, generator=draws) < 0.3],
            lambda layer, q, k, v, mask: layer(q, k, v, attn_mask=mask, need_weights=False))
golden.layer("attention_unbatched", lambda: nn.MultiheadAttention(6, 2, batch_first=True),
            [x[:, 0], torch.tensor([False, False, True, False])],
            lambda layer, x, padding: layer(x, x, x, key_padding_mask=padding))
golden.layer("attention_causal", lambda: nn.MultiheadAttention(6, 2), [x],
            lambda layer, x: layer(x, x, x, attn_mask=causal(4), is_causal=True, need_weights=False))
golden.layer("attention_dropout", lambda: nn.MultiheadAttention(6, 2, dropout=0.4), [x], lambda layer, x: layer(x, x, x))
golden.layer("attention_dropout_fused", lambda: nn.MultiheadAttention(6, 2, dropout=0.4), [x],
            lambda layer, x: layer(x, x, x, need_weights=False))


# ---- transformers
sizes = dict(d_model=6, nhead=2, dim_feedforward=5)
source_padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
target_padding = torch.tensor([[False] * 4, [False] * 3 + [True]])
golden.layer("encoder_layer", lambda: nn.TransformerEncoderLayer(**sizes, dropout=0), [x])
golden.layer("encoder_layer_pre", lambda: nn.TransformerEncoderLayer(
    **sizes, dropout=0, norm_first=True, activation="gelu", layer_norm_eps=1e-3, bias=False, batch_first=True), [memory],
            lambda layer, x: layer(x, src_mask=causal(2) != 0))
golden.layer("encoder_layer_dropout", lambda: nn.TransformerEncoderLayer(**sizes, dropout=0.3), [memory, source_padding],
            lambda layer, x, padding: layer(x, src_key_padding_mask=padding))
golden.layer("decoder_layer", lambda: nn.TransformerDecoderLayer(**sizes, dropout=0, activation=torch.tanh), [x, memory])
golden.layer("decoder_layer_pre", lambda: nn.TransformerDecoderLayer(**sizes, dropout=0, norm_first=True),
            [x, memory, randn(4, 5), source_padding, target_padding],
            lambda layer, x, y, mask, padding, target: layer(
                x, y, memory_mask=mask, memory_key_padding_mask=padding, tgt_key_padding_mask=target))
golden.layer("decoder_layer_dropout", lambda: nn.TransformerDecoderLayer(**sizes, dropout=0.3), [x, memory],
            lambda layer, x, y: layer(x, y, tgt_mask=causal(4), tgt_is_causal=True))
golden.layer("encoder", lambda: nn.TransformerEncoder(
    nn.TransformerEncoderLayer(**sizes, dropout=0), 2, norm=nn.LayerNorm(6), enable_nested_tensor=False), [memory],
            lambda layer, x: layer(x, mask=causal(5)))
golden.layer("decoder_dropout", lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(**sizes, dropout=0.3), 2),
            [x, memory], lambda layer, x, y: layer(x, y, tgt_mask=causal(4)))
golden.layer("transformer", lambda: nn.Transformer(**sizes, num_encoder_layers=1, num_decoder_layers=2, dropout=0),
            [memory, x, source_padding, target_padding],
            lambda layer, src, tgt, source, target: layer(
                src, tgt, tgt_mask=causal(4) != 0, src_key_padding_mask=source, memory_key_padding_mask=source,
                tgt_key_padding_mask=target))
golden.layer("transformer_unbatched", lambda: nn.Transformer(
    **sizes, num_encoder_layers=1, num_decoder_layers=1, dropout=0, batch_first=True, norm_first=True, bias=False),
            [memory[:, 0], x[:, 0]])
golden.write()

# ---- embeddings
golden = LayerGolden("embedding")
indices = torch.tensor([[0, 2, 4], [2, 2, 1]])
flat_indices, offsets = torch.tensor([0, 3, 3, 1, 4, 2, 2]), torch.tensor([0, 2, 2, 5])
golden.layer("embedding", lambda: nn.Embedding(5, 3), [indices])
golden.layer("embedding_options", lambda: nn.Embedding(5, 3, padding_idx=2, max_norm=0.7, norm_type=1.0,
                                                      scale_grad_by_freq=True), [indices])
golden.layer("bag_mean", lambda: nn.EmbeddingBag(5, 3, padding_idx=-1), [indices])
golden.layer("bag_offsets", lambda: nn.EmbeddingBag(5, 3, max_norm=1.5, scale_grad_by_freq=True), [flat_indices, offsets])
golden.layer("bag_sum", lambda: nn.EmbeddingBag(5, 3, mode="sum", padding_idx=2), [indices, randn(2, 3)],
            lambda layer, x, w: layer(x, per_sample_weights=w))
golden.layer("bag_max", lambda: nn.EmbeddingBag(5, 3, mode="max", include_last_offset=True),
            [flat_indices, torch.tensor([0, 2, 2, 5, 7])])
golden.write()
