// Lets tensors that graphs have saved be changed in place: their old values are copied first, once, and only then.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine.h"
#include "modules.h"

namespace sconce {

namespace {

namespace autograd = torch::autograd;

// A tensor as it was when a graph saved it. The graph's nodes own it.
struct Saved {
  at::Tensor tensor;
};

// What graphs have saved since one allowMutationOnSavedTensors began, by the memory that tensors share.
class SavedTensors {
 public:
  std::shared_ptr<Saved> add(const at::Tensor& tensor) {
    if (!tensor.has_storage()) return std::make_shared<Saved>(Saved{tensor.clone()});  // nothing tells who shares it
    if (++added_ % kRounds == 0) std::erase_if(by_memory_, [](const auto& entry) { return has_ended(entry.second); });
    auto& sharing = by_memory_[tensor.storage().unsafeGetStorageImpl()];
    std::erase_if(sharing, [](const auto& weak) { return weak.expired(); });
    for (const auto& weak : sharing) {
      auto saved = weak.lock();
      if (saved != nullptr && is_same_view(saved->tensor, tensor)) return saved;
    }
    auto saved = std::make_shared<Saved>(Saved{tensor});
    sharing.push_back(saved);
    return saved;
  }

  // copies what was saved of the memory that an operator is about to write to
  void keep_old_values(const at::Tensor& written) {
    if (!written.defined() || !written.has_storage()) return;
    auto found = by_memory_.find(written.storage().unsafeGetStorageImpl());
    if (found == by_memory_.end()) return;
    at::NoGradGuard no_grad;
    for (const auto& weak : std::exchange(found->second, {})) {
      if (auto saved = weak.lock()) saved->tensor = saved->tensor.clone();
    }
  }

  bool is_open = true;

 private:
  static constexpr uint64_t kRounds = 1024;

  // whether no graph holds any of them any more
  static bool has_ended(const std::vector<std::weak_ptr<Saved>>& sharing) {
    return std::all_of(sharing.begin(), sharing.end(), [](const auto& weak) { return weak.expired(); });
  }

  static bool is_same_view(const at::Tensor& a, const at::Tensor& b) {
    return a.scalar_type() == b.scalar_type() && a.storage_offset() == b.storage_offset() && a.sizes() == b.sizes() &&
           a.strides() == b.strides() && a.is_conj() == b.is_conj() && a.is_neg() == b.is_neg();
  }

  std::unordered_map<c10::StorageImpl*, std::vector<std::weak_ptr<Saved>>> by_memory_;
  uint64_t added_ = 0;
};

struct CopyOnWrite : autograd::SavedVariableHooks {
  explicit CopyOnWrite(std::shared_ptr<SavedTensors> all) : all_(std::move(all)) {}

  void call_pack_hook(const at::Tensor& tensor) override { saved_ = all_->add(tensor.detach()); }

  at::Tensor call_unpack_hook() override {
    if (all_->is_open) return saved_->tensor;
    throw std::runtime_error(
        "the graph was recorded inside allowMutationOnSavedTensors, which has ended. Call backward inside it too");
  }

 private:
  std::shared_ptr<SavedTensors> all_;
  std::shared_ptr<Saved> saved_;
};

// allowMutation() -> what endMutation takes
napi_value allow_mutation(Env& env, const Args&) {
  if (env.before_write) throw std::runtime_error("allowMutationOnSavedTensors cannot be nested");
  auto all = std::make_shared<SavedTensors>();
  env.graph->saved_hooks.push_back([all] { return std::make_unique<CopyOnWrite>(all); });
  env.before_write = [all](const at::Tensor& written) { all->keep_old_values(written); };
  return to_external(env, all);
}

napi_value end_mutation(Env& env, const Args& args) {
  from_external<std::shared_ptr<SavedTensors>>(env, args[0])->is_open = false;
  env.graph->saved_hooks.pop_back();
  env.before_write = nullptr;
  return undefined(env);
}

}  // namespace

void define_saved(Env& env, napi_value exports) {
  define<allow_mutation>(env, exports, "allowMutation");
  define<end_mutation>(env, exports, "endMutation");
}

}  // namespace sconce
