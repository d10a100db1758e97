// SPDX-License-Identifier: BSD-3-Clause
#include "choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace ravelin::load {

Choice::Choice(Order order, uint32_t connections, double exponent)
    : order_{order}, connections_{connections} {
    if (order != Order::Zipf) return;
    std::vector<double> weights(connections);
    for (uint32_t rank = 0; rank < connections; ++rank)
        weights[rank] = std::pow(rank + 1.0, -exponent);
    std::mt19937_64 random{1};  // the same order in every run
    std::vector<uint32_t> of_rank(connections);
    std::iota(of_rank.begin(), of_rank.end(), 0U);
    std::shuffle(of_rank.begin(), of_rank.end(), random);
    std::discrete_distribution<uint32_t> rank(weights.begin(), weights.end());
    draws_.resize(draws_for(connections));
    for (uint32_t& draw : draws_)
        draw = of_rank[rank(random)];
}

}  // namespace ravelin::load
