// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace ravelin {

/// What an operator is told when something that he or the machine provides is wrong.
///
/// `message` is one line: where, what, and what was expected or which command mends it.
struct Error {
    std::string message;
};

/// A value or the reason why there is none. For packets see DropReason; for bugs see CHECK.
template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message) {
    return tl::unexpected<Error>{Error{std::move(message)}};
}

}  // namespace ravelin
