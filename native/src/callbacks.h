// JavaScript functions that libtorch calls: in hooks, in the backward of custom functions, when it saves a
// tensor. A graph may reach them on a thread of its own, while JavaScript runs only on its own.
#pragma once
#include <condition_variable>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <thread>

#include "env.h"

namespace sconce {

// Work posted to a thread. Every wait is a loop that serves it, so that two threads may call each other.
class Inbox {
 public:
  void post(std::function<void()> work);
  // serves until `done` is set by work that another thread posted or by `finish`
  void serve_until(const bool& done);
  // sets the flag that this inbox's thread waits for
  void finish(bool& done);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
};

// The thread of one JavaScript environment, which graphs may outlive.
class JsThread {
 public:
  explicit JsThread(Env& env);

  // runs `work` with the environment on its thread, from whichever thread; what it throws arrives here
  void call(const std::function<void(Env&)>& work);
  // runs `work`, which may call back from any thread, on a helper thread; called on the environment's thread
  void run_elsewhere(const std::function<void()>& work);

  // forgets a reference: at once it could be inside the garbage collector or on another thread
  void discard(napi_ref reference);
  void release_discarded();
  bool has_discarded() const { return has_discarded_.load(std::memory_order_relaxed); }
  // from here on the environment must not be touched
  void close();

 private:
  Env* env_;
  std::thread::id id_;
  Inbox inbox_;
  std::vector<Inbox*> waiting_;      // threads whose callbacks run now, innermost last; the environment's thread only
  std::atomic<int> serving_{0};      // how many times the environment's thread is in run_elsewhere
  std::atomic<bool> has_discarded_{false};
  std::mutex mutex_;                 // guards what follows
  std::vector<napi_ref> discarded_;
  bool closed_ = false;
};

// Keeps a JavaScript value alive; may die on any thread.
class JsRef {
 public:
  JsRef(Env& env, napi_value value);
  ~JsRef() { thread->discard(reference_); }
  JsRef(const JsRef&) = delete;
  JsRef& operator=(const JsRef&) = delete;
  napi_value get(Env& env) const;

  const std::shared_ptr<JsThread> thread;

 private:
  napi_ref reference_ = nullptr;
};

using JsRefPtr = std::shared_ptr<JsRef>;

// What a callback threw, on its way through libtorch to the caller in JavaScript.
struct JsError : std::runtime_error {
  JsError(Env& env, napi_value thrown);
  napi_value value(Env& env) const;

 private:
  JsRefPtr box_;  // an array around the value, as anything can be thrown
};

class HandleScope {
 public:
  explicit HandleScope(Env& env) : env_(env) { napi_open_handle_scope(env.napi, &scope_); }
  ~HandleScope() { napi_close_handle_scope(env_.napi, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  Env& env_;
  napi_handle_scope scope_;
};

// Frees the tensors that a callback was given, as its own scope opens only after they were made.
class TensorScope {
 public:
  explicit TensorScope(Env& env) : env_(env), mark_(env.created.size()) { env_.scope_depth++; }
  ~TensorScope();
  TensorScope(const TensorScope&) = delete;
  TensorScope& operator=(const TensorScope&) = delete;

 private:
  Env& env_;
  size_t mark_;
};

// calls a function on the environment's thread; throws JsError
napi_value call_js(Env& env, napi_value function, std::initializer_list<napi_value> arguments);
JsRefPtr to_function(Env& env, napi_value value);

}  // namespace sconce
