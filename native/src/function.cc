// Custom functions: nodes of a graph whose backward is JavaScript's.
#include <torch/csrc/autograd/custom_function.h>

#include "engine.h"
#include "modules.h"

namespace sconce {

namespace autograd = torch::autograd;
using autograd::variable_list;

// The node that one call of a custom function leaves in the graph, after python_function.cpp.
struct JsFunction : autograd::Node {
  std::string label;
  JsRefPtr backward;                 // (id, gradients), which delivers a gradient for each argument of forward
  std::vector<bool> takes_gradient;  // which arguments of forward are tensors
  std::vector<autograd::VariableInfo> outputs;
  std::vector<bool> is_tensor;       // which outputs are
  std::vector<autograd::SavedVariable> saved;
  bool materialize = true;
  bool released = false;

  std::string name() const override { return label; }

  void release_variables() override {
    saved.clear();
    released = true;
  }

  void release_resources() override {
    Node::release_resources();
    saved.clear();
    backward.reset();
  }

  variable_list apply(variable_list&& gradients) override {
    at::OptionalDeviceGuard guard;
    for (size_t i = 0; i < gradients.size(); i++) {
      if (!gradients[i].defined() && materialize && is_tensor[i]) gradients[i] = outputs[i].zeros(guard);
    }
    variable_list results;
    JsRefPtr function = backward;  // the node may be released by what it calls
    function->thread->call([&](Env& env) {
      HandleScope scope(env);
      TensorScope tensors(env);
      Applying applying(*env.graph, this);
      napi_value handles = new_array(env, gradients.size());
      for (size_t i = 0; i < gradients.size(); i++) set_element(env, handles, i, from_tensor(env, gradients[i]));
      call_js(env, function->get(env), {from_int64(env, applying.id), handles});
      results = checked(std::exchange(env.graph->delivered, {}));
    });
    return results;
  }

 private:
  // makes the node findable by its number while its backward runs
  struct Applying {
    Applying(GraphState& graph, JsFunction* node) : id(++graph.applied), graph(graph) {
      graph.applying.emplace_back(id, node);
    }
    ~Applying() { graph.applying.pop_back(); }
    int64_t id;
    GraphState& graph;
  };

  // the gradients of those arguments that are tensors
  variable_list checked(variable_list returned) const {
    size_t length = returned.size(), expected = takes_gradient.size();
    // more may be returned, as long as they are null
    while (returned.size() > expected && !returned.back().defined()) returned.pop_back();
    if (returned.size() != expected) {
      throw std::runtime_error("function " + label + " returned an incorrect number of gradients (expected " +
                               std::to_string(expected) + ", got " + std::to_string(length) + ")");
    }
    variable_list results;
    for (size_t i = 0; i < expected; i++) {
      if (takes_gradient[i]) {
        results.push_back(returned[i]);
      } else if (returned[i].defined()) {
        throw std::runtime_error("function " + label + " returned a gradient different than null at position " +
                                 std::to_string(i + 1) + ", but the corresponding forward input was not a Tensor");
      }
    }
    return results;
  }
};

namespace {

std::unordered_set<at::TensorImpl*> to_impls(Env& env, napi_value handles) {
  std::unordered_set<at::TensorImpl*> impls;
  for (const auto& tensor : to_tensors(env, handles)) impls.insert(tensor.unsafeGetTensorImpl());
  return impls;
}

// applyFunction(name, inputs, outputs, nonDifferentiable, dirty, saved, materializeGrads, backward) -> outputs
//
// Puts what forward computed into the graph. Inputs and outputs that are no tensors are 0; an output's handle is
// returned unchanged where it stays the same tensor.
napi_value apply_function(Env& env, const Args& args) {
  variable_list inputs;
  std::vector<bool> takes_gradient;
  for (uint32_t i = 0, n = array_length(env, args[1]); i < n; i++) {
    at::Tensor input = to_optional_tensor(env, element(env, args[1], i));
    takes_gradient.push_back(input.defined());
    if (input.defined()) inputs.push_back(std::move(input));
  }
  std::vector<std::optional<at::Tensor>> raw;
  for (uint32_t i = 0, n = array_length(env, args[2]); i < n; i++) {
    at::Tensor output = to_optional_tensor(env, element(env, args[2], i));
    raw.push_back(output.defined() ? std::optional(output) : std::nullopt);
  }
  auto dirty = to_impls(env, args[4]);
  for (const auto& tensor : to_tensors(env, args[4])) autograd::impl::bump_version(tensor);

  c10::intrusive_ptr<JsFunction> node;
  if (at::GradMode::is_enabled() && autograd::any_variable_requires_grad(inputs)) {
    node = c10::make_intrusive<JsFunction>();
    node->set_next_edges(autograd::collect_next_edges(inputs));
    node->clear_input_metadata();
    node->label = to_string(env, args[0]);
    node->backward = to_function(env, args[7]);
    node->takes_gradient = takes_gradient;
    node->materialize = to_bool(env, args[6]);
  }
  autograd::_jvp_fn_t no_jvp = [](const variable_list&, const variable_list&) -> variable_list {
    throw std::runtime_error("a custom function has no forward-mode derivative");
  };
  auto outputs = autograd::_wrap_outputs(
      inputs, to_impls(env, args[3]), dirty, raw, node, no_jvp, {}, [](const at::Tensor& x) { return x.view_as(x); }, false);
  if (node) {
    for (const auto& output : outputs) {
      node->is_tensor.push_back(output.has_value());
      node->outputs.push_back(output.has_value() ? autograd::VariableInfo(*output) : autograd::VariableInfo());
    }
    for (uint32_t i = 0, n = array_length(env, args[5]); i < n; i++) {
      at::Tensor tensor = to_optional_tensor(env, element(env, args[5], i));
      bool is_output = tensor.defined() && tensor.grad_fn().get() == node.get();
      node->saved.emplace_back(tensor, is_output);
    }
  }
  napi_value handles = new_array(env, outputs.size());
  for (size_t i = 0; i < outputs.size(); i++) {
    bool same = !outputs[i].has_value() || outputs[i]->is_same(*raw[i]);
    set_element(env, handles, i, same ? element(env, args[2], i) : from_tensor(env, *outputs[i]));
  }
  return handles;
}

napi_value unpack(Env& env, JsFunction& node) {
  if (node.released) throw std::runtime_error(autograd::ERR_BACKWARD_TWICE);
  napi_value handles = new_array(env, node.saved.size());
  for (size_t i = 0; i < node.saved.size(); i++) {
    set_element(env, handles, i, from_tensor(env, node.saved[i].unpack(node.getptr())));
  }
  return handles;
}

// savedTensors(id) -> handles of what the custom function saved whose backward runs under this number
napi_value saved_tensors(Env& env, const Args& args) {
  int64_t id = to_int64(env, args[0]);
  for (const auto& [number, node] : env.graph->applying) {
    if (number == id) return unpack(env, *node);
  }
  throw std::runtime_error("saved tensors are there while backward runs, and this one has ended");
}

// nodeSavedTensors(node) -> handles of what the custom function saved that made the node
napi_value node_saved_tensors(Env& env, const Args& args) {
  auto* node = dynamic_cast<JsFunction*>(from_external<NodePtr>(env, args[0]).get());
  if (node == nullptr) throw std::runtime_error("only the node of a custom function shows its saved tensors");
  return unpack(env, *node);
}

}  // namespace

void define_function(Env& env, napi_value exports) {
  define<apply_function>(env, exports, "applyFunction");
  define<saved_tensors>(env, exports, "savedTensors");
  define<node_saved_tensors>(env, exports, "nodeSavedTensors");
}

}  // namespace sconce
