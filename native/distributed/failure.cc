#include "distributed/failure.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "error.h"

namespace tc::distributed {
namespace {

template <size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != std::string_view::npos; });
}

constexpr std::array<std::string_view, 5> kLate{"Timed out", "timed out", "timeout after", "Timeout waiting",
                                                "Wait timeout"};
// Gloo closes its connections after any failure, so that every later call fails.
constexpr std::array<std::string_view, 1> kAfter{"Application timeout caused pair closure"};
constexpr std::array<std::string_view, 8> kGone{"Connection closed", "Connection reset", "Connection refused",
                                                "Broken pipe",       "Socket closed",    "closed by peer",
                                                "Failed to recv",    "failed to recv"};
constexpr std::array<std::string_view, 2> kTaken{"EADDRINUSE", "ddress already in use"};
// Gloo's words where two ranks disagree about sizes.
constexpr std::array<std::string_view, 4> kUnequal{"preamble.length", "op.nbytes", "Enforce", "Mismatched"};

const std::string kMissing = "another rank has ended, stands still or did not make the same call";

std::string with_detail(std::string sentence, const std::string& detail) {
  return detail.empty() ? sentence : sentence + " (" + detail + ")";
}

Error named(const std::string& message, const std::string& what, const std::string& late) {
  const std::string detail = plain(message);
  if (has_any(message, kTaken)) {
    return {"ERR_DISTRIBUTED", what + " cannot listen on its port, because another program does"};
  }
  if (has_any(message, kAfter)) {
    return {"ERR_DISTRIBUTED", what +
                                   " failed, because an earlier call of this group failed or timed out; a group does "
                                   "not work again after that"};
  }
  if (has_any(message, kLate)) return {"ERR_TIMEOUT", late};
  if (has_any(message, kGone)) {
    return {"ERR_DISTRIBUTED",
            with_detail(what + " failed, because another rank ended or closed its connection", detail)};
  }
  if (has_any(message, kUnequal)) {
    return {
        "ERR_DISTRIBUTED",
        with_detail(what + " failed, because the ranks called different functions, or with tensors of different sizes",
                    detail)};
  }
  return {"ERR_DISTRIBUTED", with_detail(what + " failed", detail)};
}

}  // namespace

std::string plain(std::string_view message) {
  // "[/path/pair.cc:547] Connection closed by peer [127.0.0.1]:1234", "[enforce fail at file.cc:1] ..."
  while (!message.empty() && message.front() == '[') {
    const size_t end = message.find("] ");
    if (end == std::string_view::npos || message.substr(0, end).find(".cc") == std::string_view::npos) break;
    message.remove_prefix(end + 2);
  }
  message = message.substr(0, message.find('\n'));
  // And what Gloo has to say to everybody.
  message = message.substr(0, std::min(message.find("Exception raised from"), message.find("This is typically")));
  std::string text;
  for (const char c : message) {
    if (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f) text += c;
  }
  while (!text.empty() && (std::isspace(static_cast<unsigned char>(text.back())) || text.back() == '.'))
    text.pop_back();
  return text;
}

std::optional<Error> foreign(const std::exception& error) {
  const std::string_view message = error.what();
  constexpr std::array<std::string_view, 2> kGloo{"gloo/", "pair closure"};
  if (!has_any(message, kGloo)) return std::nullopt;
  const std::string what = "a collective in the backward pass";
  return named(std::string(message), what, what + " timed out: " + kMissing);
}

std::string late_sentence(const std::string& what, std::chrono::milliseconds timeout) {
  return what + " timed out after " + std::to_string(timeout.count()) + " ms: " + kMissing;
}

std::exception_ptr failure_of(std::exception_ptr error, const std::string& what, std::chrono::milliseconds timeout) {
  const std::string late = late_sentence(what, timeout);
  try {
    std::rethrow_exception(error);
  } catch (const Error&) {
    return error;
  } catch (const c10::DistError& e) {
    return std::make_exception_ptr(named(e.what_without_backtrace(), what, late));
  } catch (const c10::Error& e) {
    const std::string message = e.what_without_backtrace();
    // monitoredBarrier() puts Gloo's words into an error of libtorch's.
    if (has_any(message, kLate) || has_any(message, kGone)) return std::make_exception_ptr(named(message, what, late));
    return error;
  } catch (const std::bad_alloc&) {
    return error;
  } catch (const std::exception& e) {
    return std::make_exception_ptr(named(e.what(), what, late));
  } catch (...) {
    return error;
  }
}

}  // namespace tc::distributed
