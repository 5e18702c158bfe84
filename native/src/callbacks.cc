// How a graph's callbacks reach JavaScript, from its own thread and from the engine's.
#include "callbacks.h"

#include <ATen/ThreadLocalState.h>

namespace sconce {

namespace {

// the inbox of a thread that is none of JavaScript's: a helper or one of the engine's; never freed, as the
// engine's threads live as long as the process
Inbox& own_inbox() {
  thread_local Inbox* inbox = new Inbox();
  return *inbox;
}

// the thread that runs graphs with nodes on devices while JavaScript's own serves their callbacks
Inbox& new_helper() {
  Inbox* inbox = nullptr;
  bool ready = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::thread([&] {
    Inbox& own = own_inbox();
    {
      std::lock_guard<std::mutex> lock(mutex);
      inbox = &own;
      ready = true;
      changed.notify_all();
    }
    bool never = false;
    own.serve_until(never);
  }).detach();
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return ready; });
  return *inbox;
}

// one for each thread of JavaScript
Inbox& helper() {
  thread_local Inbox* inbox = &new_helper();
  return *inbox;
}

}  // namespace

void Inbox::post(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex_);
  work_.push_back(std::move(work));
  changed_.notify_all();
}

void Inbox::serve_until(const bool& done) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!done) {
    if (work_.empty()) {
      changed_.wait(lock);
      continue;
    }
    auto work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

void Inbox::finish(bool& done) {
  std::lock_guard<std::mutex> lock(mutex_);
  done = true;
  changed_.notify_all();
}

JsThread::JsThread(Env& env) : env_(&env), id_(std::this_thread::get_id()) {}

void JsThread::call(const std::function<void(Env&)>& work) {
  if (std::this_thread::get_id() == id_) {
    if (closed_) throw std::runtime_error("the JavaScript environment of this graph has ended");
    return work(*env_);
  }
  if (serving_ == 0) throw std::runtime_error("a JavaScript callback was reached from the thread of another environment");
  Inbox& own = own_inbox();
  bool done = false;
  std::exception_ptr error;
  at::ThreadLocalState state;  // gradient mode, autocast and their like follow the graph
  inbox_.post([&] {
    waiting_.push_back(&own);
    try {
      at::ThreadLocalStateGuard guard(state);
      work(*env_);
    } catch (...) {
      error = std::current_exception();
    }
    waiting_.pop_back();
    own.finish(done);
  });
  own.serve_until(done);
  if (error) std::rethrow_exception(error);
}

void JsThread::run_elsewhere(const std::function<void()>& work) {
  // a graph started inside a callback runs on the thread that waits for it: that one owns the device's queue,
  // so on a third thread it would wait for ever
  Inbox& other = waiting_.empty() ? helper() : *waiting_.back();
  bool done = false;
  std::exception_ptr error;
  at::ThreadLocalState state;
  serving_++;
  other.post([&] {
    try {
      at::ThreadLocalStateGuard guard(state);
      work();
    } catch (...) {
      error = std::current_exception();
    }
    inbox_.finish(done);
  });
  inbox_.serve_until(done);
  serving_--;
  if (error) std::rethrow_exception(error);
}

void JsThread::discard(napi_ref reference) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_ || reference == nullptr) return;
  discarded_.push_back(reference);
  has_discarded_ = true;
}

void JsThread::release_discarded() {
  std::vector<napi_ref> references;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    references.swap(discarded_);
    has_discarded_ = false;
  }
  for (napi_ref reference : references) napi_delete_reference(env_->napi, reference);
}

void JsThread::close() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  discarded_.clear();
}

JsRef::JsRef(Env& env, napi_value value) : thread(env.thread) {
  check(napi_create_reference(env.napi, value, 1, &reference_), "create reference");
}

napi_value JsRef::get(Env& env) const {
  napi_value value;
  check(napi_get_reference_value(env.napi, reference_, &value), "read reference");
  return value;
}

JsError::JsError(Env& env, napi_value thrown) : std::runtime_error("a JavaScript callback threw") {
  napi_value box = new_array(env, 1);
  set_element(env, box, 0, thrown);
  box_ = std::make_shared<JsRef>(env, box);
}

napi_value JsError::value(Env& env) const { return element(env, box_->get(env), 0); }

TensorScope::~TensorScope() {
  env_.scope_depth--;
  while (env_.created.size() > mark_) {
    Created made = env_.created.back();
    env_.created.pop_back();
    const Slot& slot = env_.slot(made.index);
    if (slot.serial == made.serial && !slot.tracked) env_.drop(made.index, made.serial);
  }
}

napi_value call_js(Env& env, napi_value function, std::initializer_list<napi_value> arguments) {
  // the operator that is running has its say in the error message after the callback too
  const Op* op = env.current_op;
  const char* argument = env.current_argument;
  napi_value result;
  auto status = napi_call_function(env.napi, undefined(env), function, arguments.size(), arguments.begin(), &result);
  env.current_op = op;
  env.current_argument = argument;
  if (status == napi_ok) return result;
  bool pending = false;
  napi_is_exception_pending(env.napi, &pending);
  if (!pending) throw std::runtime_error("a JavaScript callback could not be called, as its environment is ending");
  napi_value thrown;
  check(napi_get_and_clear_last_exception(env.napi, &thrown), "read exception");
  throw JsError(env, thrown);
}

JsRefPtr to_function(Env& env, napi_value value) {
  if (type_of(env, value) != napi_function) throw ArgumentError("must be a function, got " + describe(env, value));
  return std::make_shared<JsRef>(env, value);
}

}  // namespace sconce
