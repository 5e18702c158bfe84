"""Writes tests/goldens/nn/{recurrent,transformer,embedding}.safetensors and printed.json: layers of torch.nn.

Run: python tools/golden/nn_recurrent.py   (torch 2.13.0)

Each case holds the state dict after torch.manual_seed(7), the inputs, the outputs (training, after
torch.manual_seed(11) for the dropout), and the gradients of sum(cos(0, 1, 2, ...) * output) over all outputs:

NAME.init.KEY  NAME.in0  NAME.out0  NAME.in0.grad  NAME.grad.KEY
"""

import json
import pathlib

import torch
import serial_dropout  # noqa: F401
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "nn"
torch.set_num_threads(1)


class Golden:
    printed = {}

    def __init__(self, name):
        self.name, self.tensors = name, {}

    def case(self, name, make, inputs, call=lambda layer, *inputs: layer(*inputs)):
        torch.manual_seed(7)
        layer = make()
        self.printed[name] = repr(layer)
        self.add({f"{name}.init.{key}": value.clone() for key, value in layer.state_dict().items()})
        given = [t.clone().requires_grad_() if t.is_floating_point() else t for t in inputs]
        torch.manual_seed(11)
        outputs = flat(call(layer, *given))
        loss = sum((y * torch.arange(y.numel()).reshape(y.shape).cos()).sum() for y in outputs if y.requires_grad)
        loss.backward()
        self.add({f"{name}.in{i}": t for i, t in enumerate(given)})
        self.add({f"{name}.out{i}": t for i, t in enumerate(outputs)})
        self.add({f"{name}.in{i}.grad": t.grad for i, t in enumerate(given) if t.grad is not None})
        self.add({f"{name}.grad.{key}": p.grad for key, p in layer.named_parameters() if p.grad is not None})

    def add(self, tensors):
        self.tensors |= {key: value.detach().contiguous().clone() for key, value in tensors.items()}

    def write(self):
        OUT.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, OUT / f"{self.name}.safetensors")


def flat(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [y for output in outputs if output is not None for y in flat(output)]


def randn(*shape):
    return torch.randn(*shape, generator=draws)


def causal(size):
    return nn.Transformer.generate_square_subsequent_mask(size)


draws = torch.Generator().manual_seed(3)

# ---- recurrent layers
golden = Golden("recurrent")
x = randn(5, 2, 3)  # [seq, batch, input]
golden.case("rnn", lambda: nn.RNN(3, 4), [x])
golden.case("rnn_relu", lambda: nn.RNN(3, 4, num_layers=2, nonlinearity="relu", bias=False), [x])
golden.case("rnn_unbatched", lambda: nn.RNN(3, 4, bidirectional=True), [x[:, 0], randn(2, 4)])
golden.case("lstm", lambda: nn.LSTM(3, 4), [x])
golden.case("lstm_deep", lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True), [x])
golden.case("lstm_dropout", lambda: nn.LSTM(3, 4, num_layers=3, dropout=0.4), [x])
golden.case("lstm_projected", lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2, batch_first=True),
            [x, randn(4, 5, 2), randn(4, 5, 4)], lambda layer, x, h, c: layer(x, (h, c)))
golden.case("lstm_unbatched", lambda: nn.LSTM(3, 4, bias=False, batch_first=True), [x[:, 0], randn(1, 4), randn(1, 4)],
            lambda layer, x, h, c: layer(x, (h, c)))
golden.case("gru", lambda: nn.GRU(3, 4, batch_first=True), [x, randn(1, 5, 4)])
golden.case("gru_dropout", lambda: nn.GRU(3, 4, num_layers=2, dropout=0.4, bidirectional=True), [x])


def packed(lengths, **options):
    def call(layer, x, *states):
        packed = pack_padded_sequence(x, lengths, batch_first=layer.batch_first, **options)
        output, last = layer(packed, *([states if len(states) > 1 else states[0]] if states else []))
        return *pad_packed_sequence(output, batch_first=layer.batch_first, padding_value=-1.0), last

    return call


x = randn(4, 3, 3)
golden.case("packed_lstm", lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True), [x], packed([4, 2, 1]))
golden.case("packed_lstm_states", lambda: nn.LSTM(3, 4), [x, randn(1, 3, 4), randn(1, 3, 4)],
            packed([1, 4, 2], enforce_sorted=False))
golden.case("packed_gru", lambda: nn.GRU(3, 4, batch_first=True), [randn(3, 4, 3), randn(1, 3, 4)],
            packed([2, 4, 3], enforce_sorted=False))
golden.case("packed_rnn_dropout", lambda: nn.RNN(3, 4, num_layers=2, dropout=0.4), [x], packed([4, 4, 3]))

x = randn(2, 3)  # [batch, input]
golden.case("rnn_cell", lambda: nn.RNNCell(3, 4), [x, randn(2, 4)])
golden.case("rnn_cell_relu", lambda: nn.RNNCell(3, 4, bias=False, nonlinearity="relu"), [x[0]])
golden.case("lstm_cell", lambda: nn.LSTMCell(3, 4), [x, randn(2, 4), randn(2, 4)],
            lambda layer, x, h, c: layer(x, (h, c)))
golden.case("lstm_cell_unbatched", lambda: nn.LSTMCell(3, 4, bias=False), [x[0]])
golden.case("gru_cell", lambda: nn.GRUCell(3, 4), [x])
golden.case("gru_cell_unbatched", lambda: nn.GRUCell(3, 4), [x[0], randn(4)])
golden.write()

# ---- attention
golden = Golden("transformer")
x, memory = randn(4, 2, 6), randn(5, 2, 6)  # [seq, batch, embed]
golden.case("attention", lambda: nn.MultiheadAttention(6, 2), [x], lambda layer, x: layer(x, x, x))
golden.case("attention_cross", lambda: nn.MultiheadAttention(6, 2, bias=False), [x, memory],
            lambda layer, x, y: layer(x, y, y, average_attn_weights=False))
golden.case("attention_sizes", lambda: nn.MultiheadAttention(6, 3, kdim=3, vdim=2, add_bias_kv=True, add_zero_attn=True),
            [x, randn(5, 2, 3), randn(5, 2, 2), randn(4, 5), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])],
            lambda layer, q, k, v, mask, padding: layer(q, k, v, attn_mask=mask, key_padding_mask=padding))
golden.case("attention_batch_first", lambda: nn.MultiheadAttention(6, 2, batch_first=True, add_zero_attn=True),
            [randn(2, 4, 6), randn(2, 5, 6), randn(2, 5, 6), torch.rand(4, 4, 5, generator=draws) < 0.3],
            lambda layer, q, k, v, mask: layer(q, k, v, attn_mask=mask, need_weights=False))
golden.case("attention_unbatched", lambda: nn.MultiheadAttention(6, 2, batch_first=True),
            [x[:, 0], torch.tensor([False, False, True, False])],
            lambda layer, x, padding: layer(x, x, x, key_padding_mask=padding))
golden.case("attention_causal", lambda: nn.MultiheadAttention(6, 2), [x],
            lambda layer, x: layer(x, x, x, attn_mask=causal(4), is_causal=True, need_weights=False))
golden.case("attention_dropout", lambda: nn.MultiheadAttention(6, 2, dropout=0.4), [x], lambda layer, x: layer(x, x, x))
golden.case("attention_dropout_fused", lambda: nn.MultiheadAttention(6, 2, dropout=0.4), [x],
            lambda layer, x: layer(x, x, x, need_weights=False))


# ---- transformers
sizes = dict(d_model=6, nhead=2, dim_feedforward=5)
source_padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
target_padding = torch.tensor([[False] * 4, [False] * 3 + [True]])
golden.case("encoder_layer", lambda: nn.TransformerEncoderLayer(**sizes, dropout=0), [x])
golden.case("encoder_layer_pre", lambda: nn.TransformerEncoderLayer(
    **sizes, dropout=0, norm_first=True, activation="gelu", layer_norm_eps=1e-3, bias=False, batch_first=True), [memory],
            lambda layer, x: layer(x, src_mask=causal(2) != 0))
golden.case("encoder_layer_dropout", lambda: nn.TransformerEncoderLayer(**sizes, dropout=0.3), [memory, source_padding],
            lambda layer, x, padding: layer(x, src_key_padding_mask=padding))
golden.case("decoder_layer", lambda: nn.TransformerDecoderLayer(**sizes, dropout=0, activation=torch.tanh), [x, memory])
golden.case("decoder_layer_pre", lambda: nn.TransformerDecoderLayer(**sizes, dropout=0, norm_first=True),
            [x, memory, randn(4, 5), source_padding, target_padding],
            lambda layer, x, y, mask, padding, target: layer(
                x, y, memory_mask=mask, memory_key_padding_mask=padding, tgt_key_padding_mask=target))
golden.case("decoder_layer_dropout", lambda: nn.TransformerDecoderLayer(**sizes, dropout=0.3), [x, memory],
            lambda layer, x, y: layer(x, y, tgt_mask=causal(4), tgt_is_causal=True))
golden.case("encoder", lambda: nn.TransformerEncoder(
    nn.TransformerEncoderLayer(**sizes, dropout=0), 2, norm=nn.LayerNorm(6), enable_nested_tensor=False), [memory],
            lambda layer, x: layer(x, mask=causal(5)))
golden.case("decoder_dropout", lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(**sizes, dropout=0.3), 2),
            [x, memory], lambda layer, x, y: layer(x, y, tgt_mask=causal(4)))
golden.case("transformer", lambda: nn.Transformer(**sizes, num_encoder_layers=1, num_decoder_layers=2, dropout=0),
            [memory, x, source_padding, target_padding],
            lambda layer, src, tgt, source, target: layer(
                src, tgt, tgt_mask=causal(4) != 0, src_key_padding_mask=source, memory_key_padding_mask=source,
                tgt_key_padding_mask=target))
golden.case("transformer_unbatched", lambda: nn.Transformer(
    **sizes, num_encoder_layers=1, num_decoder_layers=1, dropout=0, batch_first=True, norm_first=True, bias=False),
            [memory[:, 0], x[:, 0]])
golden.write()

# ---- embeddings
golden = Golden("embedding")
indices = torch.tensor([[0, 2, 4], [2, 2, 1]])
flat_indices, offsets = torch.tensor([0, 3, 3, 1, 4, 2, 2]), torch.tensor([0, 2, 2, 5])
golden.case("embedding", lambda: nn.Embedding(5, 3), [indices])
golden.case("embedding_options", lambda: nn.Embedding(5, 3, padding_idx=2, max_norm=0.7, norm_type=1.0,
                                                      scale_grad_by_freq=True), [indices])
golden.case("bag_mean", lambda: nn.EmbeddingBag(5, 3, padding_idx=-1), [indices])
golden.case("bag_offsets", lambda: nn.EmbeddingBag(5, 3, max_norm=1.5, scale_grad_by_freq=True), [flat_indices, offsets])
golden.case("bag_sum", lambda: nn.EmbeddingBag(5, 3, mode="sum", padding_idx=2), [indices, randn(2, 3)],
            lambda layer, x, w: layer(x, per_sample_weights=w))
golden.case("bag_max", lambda: nn.EmbeddingBag(5, 3, mode="max", include_last_offset=True),
            [flat_indices, torch.tensor([0, 2, 2, 5, 7])])
golden.write()

(OUT / "printed.json").write_text(json.dumps(Golden.printed, indent=1) + "\n")
